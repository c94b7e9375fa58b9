/** The tracker's program as a process of its own, for tests that kill it. */
import { main } from '../../tracker/main.js';

process.exitCode = await main(process.argv.slice(2));
