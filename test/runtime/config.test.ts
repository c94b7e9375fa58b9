import { mkdirSync, writeFileSync } from 'node:fs';

import { expect } from 'chai';

import { loadPeerConfig, loadTrackerConfig } from '../../common/runtime/config.js';
import type { Host } from '../../common/runtime/host.js';
import { ConfigError } from '../../common/runtime/setting-value.js';
import { type TempDir, tempDir } from '../support/temp.js';

describe('configuration', () => {
  let dir: TempDir;
  let data: string;
  let root: string;
  let cwd: string;

  beforeEach(async () => {
    dir = await tempDir();
    [data, root, cwd] = [dir.join('data'), dir.join('root'), dir.join('cwd')];
    for (const folder of [data, root, cwd]) mkdirSync(folder);
  });

  afterEach(async () => {
    await dir[Symbol.asyncDispose]();
  });

  function hostWith(env: Record<string, string> = {}): Host {
    return { env, cwd, home: dir.join('home'), platform: 'linux', pid: 1 };
  }

  function tracker(flags: object = {}, env: Record<string, string> = {}): ReturnType<typeof loadTrackerConfig> {
    return loadTrackerConfig({ data, ...flags }, hostWith(env), root);
  }

  function writeConfig(content: unknown): void {
    writeFileSync(`${data}/config.json`, JSON.stringify(content));
  }

  it('gives every source the right to override those below: defaults, .env, file, environment, flags', () => {
    expect(tracker().port).to.equal(7465);
    writeFileSync(`${root}/.env`, 'PORT=1001\n');
    expect(tracker().port).to.equal(1001);
    writeConfig({ port: 1002 });
    expect(tracker().port).to.equal(1002);
    expect(tracker({}, { SHOAL_PORT: '1003' }).port).to.equal(1003);
    expect(tracker({ port: '1004' }, { SHOAL_PORT: '1003' }).port).to.equal(1004);
  });

  it('prefers PORT of the environment and the .env of --data to that of the project', () => {
    writeFileSync(`${root}/.env`, 'PORT=1001\n');
    writeFileSync(`${data}/.env`, '# ours\nPORT="1002"\nOTHER=x\n');

    expect(tracker().port).to.equal(1002);
    expect(tracker({}, { PORT: '1003' }).port).to.equal(1003);
  });

  it('never lets a .env configure a peer, wherever it lies', () => {
    for (const folder of [root, data, cwd])
      writeFileSync(`${folder}/.env`, 'PORT=1001\nSHOAL_USER=mallory\nSHOAL_PORT=9\n');

    const config = loadPeerConfig({ data }, hostWith({ PORT: '1002' }));

    expect(config.port).to.equal(0);
    expect(config.user).to.equal(undefined);
  });

  it('refuses an unknown variable and names the nearest known one', () => {
    expect(() => tracker({}, { SHOAL_CREDENTIAL: 'x' }))
      .to.throw(ConfigError, '"SHOAL_CREDENTIAL" in the environment. Did you mean SHOAL_CREDENTIALS?')
      .with.property('code', 'bad-config');
  });

  it("accepts the other program's variables: both are started from one environment", () => {
    expect(tracker({}, { SHOAL_USER: 'alice', SHOAL_PASSWORD: 'x', SHOAL_TRUST_ON_FIRST_USE: '1' }).port).to.equal(
      7465,
    );
    expect(loadPeerConfig({ data }, hostWith({ SHOAL_EXIT_WHEN_IDLE: '5m' })).port).to.equal(0);
  });

  it('refuses an unknown key of the file and names the nearest known one and the file', () => {
    writeConfig({ exitWhenidel: '5m' });

    expect(() => tracker()).to.throw(ConfigError, `"exitWhenidel" in ${data}/config.json. Did you mean exitWhenIdle?`);
  });

  for (const key of ['data', 'config', 'password', '__proto__', 'toString']) {
    it(`refuses "${key}" in the file`, () => {
      writeFileSync(`${data}/config.json`, `{"${key}": "x"}`);

      expect(() => loadPeerConfig({ data }, hostWith())).to.throw(ConfigError, 'unknown setting');
    });
  }

  it('takes a password from the environment, never from a flag', () => {
    expect(loadPeerConfig({ data, password: 'argument' }, hostWith()).password).to.equal(undefined);
    expect(loadPeerConfig({ data }, hostWith({ SHOAL_PASSWORD: 'quiet' })).password).to.equal('quiet');
  });

  for (const [text, reason] of [
    ['{"port": 70000}', '"port" in'],
    ['{"port": "80x"}', 'a port from 0 to 65535'],
    ['{"port": 1.5}', 'a port from 0 to 65535'],
    ['{"exitWhenIdle": 5}', 'a time such as'],
    ['{"exitWhenIdle": "99999999999999d"}', 'a time such as'],
    ['{"credentials": null}', 'a path'],
    ['{"host": ""}', 'not empty'],
    ['[1]', 'one JSON object'],
    ['{"port": 1', 'cannot read the config file'],
    ['', 'cannot read the config file'],
  ] as const) {
    it(`refuses the file ${text || '(empty)'} and says where and why`, () => {
      writeFileSync(`${data}/config.json`, text);

      expect(() => tracker())
        .to.throw(ConfigError, reason)
        .with.property('message')
        .that.contains('config.json');
    });
  }

  it('refuses a config file that was named and is not there', () => {
    expect(() => tracker({ config: 'nowhere.json' })).to.throw(ConfigError, `${cwd}/nowhere.json`);
  });

  it('resolves paths from where they were written: flags and environment in the working folder, files in their own', () => {
    writeConfig({ credentials: 'users.txt', logFile: '~/log' });

    const config = tracker({ identity: 'id.pem' }, { SHOAL_SEAL_KEY: '../seal' });

    expect(config.credentials).to.equal(`${data}/users.txt`);
    expect(config.logFile).to.equal(dir.join('home', 'log'));
    expect(config.identity).to.equal(`${cwd}/id.pem`);
    expect(config.sealKey).to.equal(dir.join('seal'));
  });

  for (const [text, ms] of [
    ['250ms', 250],
    ['30s', 30_000],
    ['5m', 300_000],
    ['2h', 7_200_000],
    ['1d', 86_400_000],
  ] as const) {
    it(`reads ${text} as ${ms} ms`, () => {
      expect(tracker({ exitWhenIdle: text }).exitWhenIdle).to.equal(ms);
    });
  }

  for (const [raw, expected] of [
    [true, true],
    ['true', true],
    ['1', true],
    ['0', false],
    ['false', false],
  ] as const) {
    it(`reads the flag ${JSON.stringify(raw)} as ${expected}`, () => {
      expect(loadPeerConfig({ data, pqOnly: raw }, hostWith()).pqOnly).to.equal(expected);
    });
  }

  it('names the flag whose value is wrong', () => {
    expect(() => tracker({ exitWhenIdle: 'soon' })).to.throw(ConfigError, '--exit-when-idle is "soon"');
  });

  it('names the data folder when it is none, or closed to this user', () => {
    const file = `${root}/file`;
    writeFileSync(file, '');

    expect(() => tracker({ data: file })).to.throw(ConfigError, `the data folder ${file} cannot be read (ENOTDIR). Ch`);
    expect(() => loadPeerConfig({ data: file }, hostWith())).to.throw(ConfigError, `the data folder ${file} cannot`);
  });

  it('refuses a port in .env that is none', () => {
    writeFileSync(`${root}/.env`, 'PORT=seven\n');

    expect(() => tracker()).to.throw(ConfigError, `PORT in ${root}/.env is "seven"`);
  });

  for (const [platform, env, expected] of [
    ['linux', {}, '/home/a/.local/state/shoal'],
    ['linux', { XDG_STATE_HOME: '/var/state' }, '/var/state/shoal'],
    ['linux', { XDG_STATE_HOME: 'relative' }, '/home/a/.local/state/shoal'],
    ['darwin', { XDG_STATE_HOME: '/var/state' }, '/home/a/Library/Application Support/Shoal'],
    ['win32', { LOCALAPPDATA: '/app' }, '/app/Shoal'],
  ] as const) {
    it(`keeps a peer's state in ${expected} on ${platform} with ${JSON.stringify(env)}`, () => {
      const config = loadPeerConfig({}, { env, cwd, home: '/home/a', platform, pid: 1 });

      expect(config.data).to.equal(expected);
    });
  }

  it('lets a data folder be named by the environment, a flag coming first', () => {
    expect(loadPeerConfig({}, hostWith({ SHOAL_DATA: 'there' })).data).to.equal(`${cwd}/there`);
    expect(loadPeerConfig({ data: 'here' }, hostWith({ SHOAL_DATA: 'there' })).data).to.equal(`${cwd}/here`);
  });
});
