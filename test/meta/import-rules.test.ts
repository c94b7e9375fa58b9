import { createRequire } from 'node:module';
import { join, posix } from 'node:path';

import { expect } from 'chai';

import { projectRoot } from '../support/shoal-command.js';
import { type SourceFile, shippedSources, withoutComments } from './sources.js';

/** As dependency-cruiser reads it; see .ci/import-rules.cjs. */
interface PathRule {
  readonly name: string;
  readonly comment: string;
  readonly from: { readonly path: string; readonly pathNot?: string };
  readonly to: { readonly path: string; readonly pathNot?: string };
}

/** `from './x.js'`, `import './x.js'`, `import('./x.js')`. */
const IMPORT = /(?:\bfrom|\bimport)\s*\(?\s*'([^']+)'/g;

function importsOf({ path, text }: SourceFile): readonly string[] {
  return [...withoutComments(text).matchAll(IMPORT)].map(([, to = '']) =>
    to.startsWith('.') ? posix.join(posix.dirname(path), to) : to,
  );
}

function accepts({ path, pathNot }: PathRule['from'], name: string): boolean {
  return new RegExp(path).test(name) && !(pathNot !== undefined && new RegExp(pathNot).test(name));
}

function violations(rule: PathRule, files: readonly SourceFile[]): readonly string[] {
  return files
    .filter(({ path }) => accepts(rule.from, path))
    .flatMap((file) =>
      importsOf(file)
        .filter((to) => accepts(rule.to, to))
        .map((to) => `${file.path} → ${to}`),
    );
}

const { pathRules } = createRequire(import.meta.url)(join(projectRoot(), '.ci/import-rules.cjs')) as {
  pathRules: readonly PathRule[];
};

describe('the import rules, type imports included', () => {
  for (const rule of pathRules) {
    it(`${rule.name}: ${rule.comment}`, () => {
      expect(violations(rule, shippedSources())).to.deep.equal([]);
    });
  }

  it('are broken by what they forbid', () => {
    const offenders: readonly (readonly [string, string])[] = [
      ['tracker-knows-no-peer', "import type { A } from '../peer/api.js';"],
      ['protocol-is-pure', "import { connect } from 'node:net';"],
      ['zod-has-one-home', "export { z } from 'zod';"],
      ['interfaces-see-the-api-only', "const { x } = await import('../library/library.js');"],
    ];
    const places = ['tracker/router.ts', 'common/protocol/a.ts', 'peer/peer.ts', 'peer/tui/app.tsx'];

    const found = offenders.map(([name, text], index) => {
      const rule = pathRules.find((each) => each.name === name);
      return rule === undefined ? [] : violations(rule, [{ path: places[index] ?? '', text }]);
    });

    expect(found.map((list) => list.length)).to.deep.equal([1, 1, 1, 1]);
  });
});
