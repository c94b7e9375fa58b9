import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

import { projectRoot } from '../support/shoal-command.js';

export interface SourceFile {
  /** From the project root, with `/`. */
  readonly path: string;
  readonly text: string;
}

/** The files below `folders` whose name `pattern` accepts. */
export function filesBelow(folders: readonly string[], pattern: RegExp): readonly SourceFile[] {
  const root = projectRoot();
  return folders.flatMap((folder) =>
    namesBelow(join(root, folder))
      .filter((name) => pattern.test(name))
      .map((name) => ({ path: `${folder}/${name}`, text: readFileSync(join(root, folder, name), 'utf8') })),
  );
}

/** What is shipped. */
export function shippedSources(): readonly SourceFile[] {
  return filesBelow(['common', 'tracker', 'peer'], /\.tsx?$/);
}

/** `text` without comments: rules about code must not trip over the words that explain it. */
export function withoutComments(text: string): string {
  return text.replaceAll(/\/\*[\s\S]*?\*\//g, '').replaceAll(/(^|\s)\/\/.*$/gm, '');
}

/** `path:line` of every match of `pattern` in the code of `files`. */
export function placesOf(pattern: RegExp, files: readonly SourceFile[]): readonly string[] {
  return files.flatMap(({ path, text }) => {
    const lines = withoutComments(text).split('\n');
    return lines.flatMap((line, index) => (pattern.test(line) ? [`${path}: ${lines[index]?.trim()}`] : []));
  });
}

function namesBelow(folder: string): readonly string[] {
  try {
    return readdirSync(folder, { recursive: true, encoding: 'utf8' }).map((name) => name.replaceAll('\\', '/'));
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return [];
    throw error;
  }
}
