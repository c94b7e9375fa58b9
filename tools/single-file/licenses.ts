/** The licences of everything that the single executable file has in it, as one text. */
import { existsSync, globSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const LICENSE_FILE = /^(?:licen[cs]e|copying|notice)(?:-\w+)?(?:\.(?:md|txt|\w*bsd|mit))?$/i;
const RULE = '='.repeat(80);

/** Of Shoal in `root`, of the npm packages in these folders, and of the Node that runs this. */
export function licensesText(root: string, packages: Iterable<string>): string {
  const folders = [...new Set(packages)].toSorted();
  return [root, ...folders].map(licenseOf).concat(licenseOfNode()).join(`\n${RULE}\n`);
}

function licenseOf(folder: string): string {
  const manifest = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8')) as Record<string, unknown>;
  const texts = readdirSync(folder)
    .filter((name) => LICENSE_FILE.test(name))
    .map((name) => readFileSync(join(folder, name), 'utf8').trim());
  return [`${manifest['name']} ${manifest['version']}: ${manifest['license'] ?? 'see below'}`, ...texts, ''].join(
    '\n\n',
  );
}

/** Where a download of Node and the npm package have it. */
function licenseOfNode(): string {
  const home = join(dirname(process.execPath), '..');
  const [path] = [join(home, 'LICENSE'), ...globSync(join(home, 'node_modules/node-*/LICENSE'))].filter(existsSync);
  const title = `Node.js ${process.version}`;
  if (path === undefined) return `${title}: https://github.com/nodejs/node/blob/${process.version}/LICENSE\n`;
  return `${title}\n\n${readFileSync(path, 'utf8')}`;
}
