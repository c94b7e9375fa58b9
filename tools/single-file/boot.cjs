// The first thing that the single executable file runs, as a program and in each of its threads and processes: it goes on with the
// embedded program, which was compiled when the file was built.
const { getAsset, getRawAsset } = process.getBuiltinModule('node:sea');
const { Script } = process.getBuiltinModule('node:vm');

const BASE = 'shoal:/'; // what modules are named by where they have no path

// Set by common/runtime/own-program.ts.
const part = process.env._SHOAL_PART ?? `${BASE}tools/single-file/main.js`;
delete process.env._SHOAL_PART; // what this one starts is told its own

const cachedData = new Uint8Array(getRawAsset('program.cache'));
const script = new Script(getAsset('program.js', 'latin1'), { filename: 'shoal', cachedData });
void script.runInThisContext()(part.slice(BASE.length), BASE);
