import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { ContentError } from '../../common/content/content-error.js';
import {
  checkFileName,
  checkRelativePath,
  checkUserName,
  foldName,
  MAX_NAME_BYTES,
  MAX_PATH_PARTS,
  portableProblem,
  safeJoin,
  safeJoinPath,
} from '../../common/content/file-name.js';
import { quoted, readVectors } from './vectors.js';

interface HostileNames {
  readonly names: readonly { why: string; code: string; name: string }[];
  readonly paths: readonly { why: string; code: string; path: string }[];
  readonly notOnWindows: readonly { why: string; code: string; name: string }[];
}

const hostile = readVectors<HostileNames>('hostile-names');

const GOOD_NAMES = [
  'a',
  'holiday.mp4',
  '.bashrc',
  '..a',
  '...',
  'a b  c',
  'Grüße aus München.txt',
  '日本語のファイル.pdf',
  'файл.txt',
  'ملف.txt',
  '한국어.txt',
  '😀.png',
  'x'.repeat(MAX_NAME_BYTES),
  'ü'.repeat(127),
  '-rf',
  '--help',
  '~',
  '$(reboot)',
  '`id`',
  'a;b&c|d',
  "it's",
  'a"b',
  '*',
  '?',
  'C:',
  'C:x',
  'CON',
  'file.txt::$DATA',
  '%2e%2e%2f',
  '<script>alert(1)<script>',
  '__proto__',
  'constructor',
];

// Characters that have broken such rules before, between ordinary ones.
const nastyName = fc.oneof(
  fc.string({ unit: 'binary', maxLength: 20 }),
  fc.string({ unit: 'grapheme', maxLength: 20 }),
  fc.string({
    unit: fc.constantFrom('.', '..', '/', '\\', ':', ' ', 'C', 'a', '?', '|', '\0', '\u202e', 'é'),
    maxLength: 8,
  }),
);

const SYSTEMS = [
  { rules: path.posix, dir: '/home/u/Downloads' },
  { rules: path.posix, dir: 'downloads' },
  { rules: path.posix, dir: '/' },
  { rules: path.win32, dir: 'C:\\Users\\u\\Downloads' },
  { rules: path.win32, dir: 'D:\\' },
  { rules: path.win32, dir: '\\\\server\\share\\in' },
];

describe('checkFileName', () => {
  it('is tried with hundreds of hostile names', () => {
    expect(hostile.names.length).to.be.greaterThan(400);
  });

  for (const { why, code, name } of hostile.names) {
    it(`refuses with ${code}: ${why}`, () => {
      const problem = checkFileName(name);

      expect(problem?.code).to.equal(code);
      expect(problem?.message).to.match(/^A name must .+\.$/);
    });
  }

  for (const name of GOOD_NAMES) {
    it(`accepts ${quoted(name.slice(0, 40))}`, () => {
      expect(checkFileName(name)).to.equal(undefined);
    });
  }

  it('accepts only what is left of a name after every forbidden kind of character is taken out', () => {
    fc.assert(
      fc.property(nastyName, (name) => {
        if (checkFileName(name) !== undefined) return;
        expect(name.isWellFormed()).to.equal(true);
        expect(name).to.not.match(/[\p{Cc}\p{Cf}\p{Cs}\p{Co}\p{Cn}/\\]/u);
        expect(name).to.equal(name.trim()).and.to.equal(name.normalize('NFC'));
        expect(Buffer.byteLength(name)).to.be.within(1, 255);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses a megabyte at once', function () {
    this.timeout(5_000);

    for (let run = 0; run < 1000; run += 1) expect(checkFileName('é'.repeat(2 ** 20))?.code).to.equal('too-long');
  });
});

describe('checkRelativePath', () => {
  for (const { why, code, path: hostilePath } of hostile.paths) {
    it(`refuses with ${code}: ${why}`, () => {
      expect(checkRelativePath(hostilePath)?.code).to.equal(code);
    });
  }

  it('refuses every hostile name as a part, in front, in the middle and at the end', () => {
    for (const { name, code } of hostile.names) {
      // Between other parts a separator is no longer one, and an empty name is two separators.
      if (code === 'separator' || code === 'lone-surrogate' || code === 'too-long') continue;
      for (const whole of [`${name}/b`, `a/${name}/b`, `a/${name}`]) {
        expect(checkRelativePath(whole)?.code, quoted(whole)).to.equal(code);
      }
    }
  });

  it(`accepts ${MAX_PATH_PARTS} parts and one`, () => {
    expect(checkRelativePath(Array(MAX_PATH_PARTS).fill('x'.repeat(255)).join('/'))).to.equal(undefined);
    expect(checkRelativePath('a.txt')).to.equal(undefined);
  });
});

describe('safeJoin', () => {
  it('keeps every accepted name inside the folder, under POSIX and Windows rules', () => {
    fc.assert(
      fc.property(nastyName, fc.constantFrom(...SYSTEMS), (name, { rules, dir }) => {
        if (checkFileName(name) !== undefined) return;
        const joined = safeJoin(dir, name, rules);
        expect(rules.dirname(joined)).to.equal(rules.normalize(dir).replace(/(?<=[^:\\/])[\\/]$/, ''));
        expect(rules.basename(joined)).to.equal(name);
      }),
      { numRuns: 5000 },
    );
  });

  it('keeps every accepted path inside the folder, under POSIX and Windows rules', () => {
    const parts = fc.array(nastyName, { minLength: 1, maxLength: 4 });
    fc.assert(
      fc.property(parts, fc.constantFrom(...SYSTEMS), (names, { rules, dir }) => {
        const relative = names.join('/');
        if (checkRelativePath(relative) !== undefined) return;
        const joined = safeJoinPath(dir, relative, rules);
        const inside = rules.normalize(dir).replace(/[\\/]$/, '') + rules.sep;
        expect(joined.startsWith(inside)).to.equal(true);
        expect(joined.slice(inside.length).split(rules.sep)).to.deep.equal(relative.split('/'));
      }),
      { numRuns: 5000 },
    );
  });

  it('throws for every hostile name and path instead of joining it', () => {
    for (const { rules, dir } of SYSTEMS) {
      for (const { name } of hostile.names) expectRefused(() => safeJoin(dir, name, rules));
      for (const { path: whole } of hostile.paths) expectRefused(() => safeJoinPath(dir, whole, rules));
    }
  });

  it('takes no path where a name is asked for', () => {
    expectRefused(() => safeJoin('/in', 'a/b'));
  });

  it('joins by the rules of this machine when none are given', () => {
    expect(safeJoin('in', 'a.txt')).to.equal(path.join('in', 'a.txt'));
    expect(safeJoinPath('in', 'a/b.txt')).to.equal(path.join('in', 'a', 'b.txt'));
  });
});

describe('portableProblem', () => {
  for (const { why, code, name } of hostile.notOnWindows) {
    it(`says that only Windows cannot store ${quoted(name)} (${why})`, () => {
      expect(checkFileName(name)).to.equal(undefined);
      expect(portableProblem(name, 'linux')).to.equal(undefined);
      expect(portableProblem(name, 'darwin')).to.equal(undefined);
      expect(portableProblem(name, 'win32')?.code).to.equal(code);
      expect(portableProblem(name, 'win32')?.message).to.include('Windows');
    });
  }

  for (const name of ['console', 'com', 'com10', 'nul2', 'a.con', 'LPT', 'aux-in.txt', '.con', 'a.b', 'ü']) {
    it(`has nothing against ${name} on Windows`, () => {
      expect(portableProblem(name, 'win32')).to.equal(undefined);
    });
  }
});

describe('checkUserName', () => {
  for (const name of ['a', 'A9', '0', 'alice.b-c_d', 'x'.repeat(64)]) {
    it(`accepts ${name}`, () => expect(checkUserName(name)).to.equal(undefined));
  }

  for (const name of ['', '.a', '-a', '_a', 'a b', 'ä', 'a\n', 'a/b', '..', 'x'.repeat(65), 'a\0', 'a@b', '１']) {
    it(`refuses ${quoted(name)}`, () => expect(checkUserName(name)?.code).to.equal('user-name'));
  }
});

describe('foldName', () => {
  for (const [a, b] of [
    ['README', 'readme'],
    ['Straße', 'STRASSE'],
    ['ΣΊΣΥΦΟΣ', 'σίσυφος'],
    ['É', 'é'],
  ] as const) {
    it(`makes ${a} and ${b} one`, () => expect(foldName(a)).to.equal(foldName(b)));
  }

  it('keeps different names apart', () => {
    expect(foldName('a')).to.not.equal(foldName('ä'));
  });
});

function expectRefused(join: () => string): void {
  expect(join).to.throw(ContentError).with.property('code', 'bad-name');
}
