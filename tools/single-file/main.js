// What the single executable file runs for a command line: the same programs, and in place of `npm start` the word `start`.
import { runShoal, runStart } from '../../bin/programs.js';

const words = process.argv.slice(2);
process.exitCode = await (words[0] === 'start' ? runStart(words.slice(1)) : runShoal(words));
