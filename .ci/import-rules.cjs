// Which file may import which. .dependency-cruiser.cjs applies these rules to the compiled tree, and
// test/meta/import-rules.test.ts to the sources, where type imports are still there.

/** npm packages with the one place that may import each: a package is replaced by changing one file or folder. */
const HOMES = {
  '@hpke/core': 'common/wire/',
  '@napi-rs/blake-hash': 'common/content/blake3\\.',
  commander: '(peer|tracker)/cli/',
  fernet: 'common/wire/sealed-token\\.',
  'hash-wasm': 'common/content/blake3\\.',
  ink: 'peer/tui/',
  'ipaddr.js': 'peer/reach/addresses\\.',
  kysely: 'tracker/store/',
  pg: 'tracker/store/',
  pino: 'common/runtime/log\\.',
  'p-queue': 'peer/(download|file-port|upload)/',
  'rate-limiter-flexible': 'tracker/',
  react: 'peer/(tui|web)/',
  selfsigned: 'common/wire/',
  zod: 'common/protocol/',
};

const SOCKETS = '^(node:)?(net|tls|dgram|http|http2|https)$';
const escaped = (name) => name.replaceAll('.', '\\.');
const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });

/** Rules about paths alone; every path starts at the project root, or at dist/. */
const pathRules = [
  rule('tracker-knows-no-peer', 'They speak the protocol.', { path: '^(dist/)?tracker/' }, { path: '^(dist/)?peer/' }),
  rule('peer-knows-no-tracker', 'They speak the protocol.', { path: '^(dist/)?peer/' }, { path: '^(dist/)?tracker/' }),
  rule(
    'common-is-the-ground',
    'Both programs stand on common/, so it can know neither.',
    { path: '^(dist/)?common/' },
    { path: '^(dist/)?(tracker|peer)/' },
  ),
  rule(
    'sources-know-no-tests',
    'What is shipped must run without test/, bench/ and tools/.',
    { path: '^(dist/)?(common|tracker|peer)/' },
    { path: '^(dist/)?(test|bench|tools)/' },
  ),
  rule(
    'protocol-is-pure',
    'No sockets, files, processes or timers: what a message means must not depend on how or when it came.',
    { path: '^(dist/)?common/protocol/' },
    {
      path: '^(node:)?(net|tls|dgram|http|http2|https|dns|fs|fs/promises|child_process|timers|timers/promises|perf_hooks)$',
    },
  ),
  rule(
    'protocol-has-no-clock',
    'Time is an argument there.',
    { path: '^(dist/)?common/protocol/' },
    { path: '^(dist/)?common/(runtime|wire)/' },
  ),
  rule(
    'handlers-know-no-transport',
    'The same handler answers a request whichever transport carried it.',
    { path: '^(dist/)?tracker/(handlers|auth|registry|store)/' },
    { path: '^(dist/)?tracker/transport/' },
  ),
  rule(
    'handlers-know-no-sockets',
    'They are tested without any.',
    { path: '^(dist/)?tracker/(handlers|auth|store)/' },
    { path: SOCKETS },
  ),
  rule(
    'scheduler-knows-no-sockets',
    'Which chunk comes from which source is decided on plain data.',
    { path: '^(dist/)?peer/download/[^/]*scheduler' },
    { path: SOCKETS },
  ),
  rule(
    'interfaces-see-the-api-only',
    'Terminal, scripts and browser have the same abilities because they see the same peer/api.ts.',
    { path: '^(dist/)?peer/(cli|tui|web)/' },
    {
      path: '^(dist/)?peer/',
      pathNot: '^(dist/)?peer/(api(-depot|-search)?\\.|(cli|tui|web|commands|daemon|door|wording)/)',
    },
  ),
  rule(
    'peer-knows-no-interface',
    'The peer runs without any of them.',
    { path: '^(dist/)?peer/(library|upload|download|tracker-client|reach|depot)/' },
    { path: '^(dist/)?peer/(cli|tui|web|commands|daemon|door|wording|main\\.)' },
  ),
  ...Object.entries(HOMES).map(([name, home]) =>
    rule(
      `${name}-has-one-home`,
      `Only ${home} imports ${name}.`,
      { path: '^(dist/)?(common|tracker|peer)/', pathNot: `^(dist/)?${home}` },
      { path: `(^|node_modules/)${escaped(name)}(/|$)` },
    ),
  ),
];

module.exports = { pathRules, rule };
