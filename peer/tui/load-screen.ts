import { registerHooks } from 'node:module';

/**
 * Loads the part of the screen that needs Ink. Of `es-toolkit/compat` Ink uses `throttle` alone, but the package's index loads 300
 * files: 0.1 s of the time until the first frame. So for this import the one file answers for the index.
 */
export async function loadScreen(): Promise<typeof import('./screen.js')> {
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      const resolved = nextResolve(specifier, context);
      if (specifier !== 'es-toolkit/compat' || !resolved.url.endsWith(COMPAT_INDEX)) return resolved;
      return { ...resolved, url: resolved.url.slice(0, -COMPAT_INDEX.length) + THROTTLE };
    },
  });
  try {
    return await import('./screen.js');
  } finally {
    hooks.deregister();
  }
}

const COMPAT_INDEX = '/dist/compat/index.mjs';
const THROTTLE = '/dist/compat/function/throttle.mjs';
