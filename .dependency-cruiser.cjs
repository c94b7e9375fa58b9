// Runs on the compiled tree: the reader knows no TypeScript 7.
const { pathRules, rule } = require('./.ci/import-rules.cjs');

module.exports = {
  forbidden: [
    ...pathRules,
    rule('no-cycles', 'Neither file of a cycle can be understood or tested alone.', {}, { circular: true }),
    rule('all-imports-exist', 'An import that resolves to nothing fails at run time.', {}, { couldNotResolve: true }),
    rule(
      'no-development-packages',
      'What is shipped must run after npm ci --omit=dev.',
      { path: '^(dist/)?(common|tracker|peer)/|^bin/' },
      { dependencyTypes: ['npm-dev', 'npm-no-pkg', 'npm-unknown'] },
    ),
  ],
  options: {
    doNotFollow: { path: '(^|/)node_modules/' },
    exclude: { path: '^dist/(bench|program|single)/' }, // program and single are bundles of the rest
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
    moduleSystems: ['es6', 'cjs'],
  },
};
