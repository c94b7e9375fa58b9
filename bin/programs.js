// The programs behind the commands. Loaded on a new enough Node only, and by the single executable file.
const TRACKER_WORDS = ['tracker', 'user', 'group', 'admin'];

/** `shoal WORDS…`: picks the program and leaves everything else to it. Resolves with the exit code. */
export async function runShoal(typed) {
  if (isNowhere()) return 1;
  const words = asksAboutTracker(typed) ? [...typed.slice(1), '--help'] : typed;
  // `admin` with --tracker speaks to it over the network, as its user: that is the peer's work.
  const isRemote = words[0] === 'admin' && words[1] !== 'verify' && namesTracker(words);
  if (TRACKER_WORDS.includes(words[0]) && !isRemote) {
    const { main } = await import('../dist/tracker/main.js');
    // The tracker and the peer know nothing of each other: a depot in the tracker's process is put together here.
    const startDepot = async (options) => (await import('../dist/peer/depot-main.js')).startDepot(options);
    return main(words, { startDepot });
  }
  const { main } = await import('../dist/peer/main.js');
  return main(words);
}

/**
 * `npm start`: the terminal, and a tracker with the sample accounts on this computer when none answers. `packageRoot` is undefined
 * in the single executable file.
 */
export async function runStart(words, packageRoot) {
  if (isNowhere()) return 1;
  const program = import('../dist/peer/main.js'); // read while the tracker starts
  if (namesTracker(words)) return (await program).main(words);
  const { findOrStartTracker } = await import('./loopback-tracker.js');
  const [{ main }, tracker] = await Promise.all([program, findOrStartTracker(packageRoot)]);
  if (tracker.problem === undefined) {
    const onTrackerAway = keeper(() => findOrStartTracker(packageRoot));
    return main(['--tracker', tracker.address, ...words], { onTrackerAway });
  }
  process.stderr.write(`${tracker.problem}\n`);
  return 1;
}

/** True, and told, in a shell whose folder was removed meanwhile: no path leads anywhere from there. */
function isNowhere() {
  try {
    process.cwd();
    return false;
  } catch {
    process.stderr.write('The folder you are in is not there any more. Go to another one, and try again.\n');
    return true;
  }
}

/** `help tracker backup`; the peer's program knows `admin` too. */
function asksAboutTracker([help, word]) {
  return (help === 'help' || help === 'h') && word !== 'admin' && TRACKER_WORDS.includes(word);
}

function namesTracker(words) {
  return words.some((word) => word === '--tracker' || word.startsWith('--tracker='));
}

/** The tracker may be killed, or leave while nobody is logged in: any terminal then starts it again. */
function keeper(startAgain) {
  let isBusy = false;
  return async () => {
    if (isBusy) return;
    isBusy = true;
    await startAgain(); // if that fails, the screen says that there is no tracker
    isBusy = false;
  };
}
