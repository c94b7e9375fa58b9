import { DatabaseSync } from 'node:sqlite';
import { expect } from 'chai';
import { GroupCommit } from '../../tracker/store/group-commit.js';

describe('GroupCommit', () => {
  it('applies what it has committed no second time when the work behind it fails', async () => {
    const database = new DatabaseSync(':memory:');
    database.exec('CREATE TABLE done (call INTEGER)');
    const queue = new GroupCommit(database, {
      afterCommit: () => {
        throw new Error('the log cannot be read');
      },
    });
    const write = (call: number): Promise<unknown> =>
      new Promise((resolve, reject) => {
        const run = async () => database.prepare('INSERT INTO done VALUES (?)').run(call);
        queue.push({ isWrite: true, run, resolve, reject });
      });

    await Promise.all([write(1), write(2)]);
    await write(3);

    expect(
      database
        .prepare('SELECT call FROM done')
        .all()
        .map(({ call }) => call),
    ).to.deep.equal([1, 2, 3]);
    database.close();
  });
});
