import { registerHooks } from 'node:module';

const COMPAT_INDEX = '/dist/compat/index.mjs';
const THROTTLE = '/dist/compat/function/throttle.mjs';

/**
 * Loads the part of the screen that needs Ink, in half the time that it takes otherwise. Of `es-toolkit/compat` Ink uses `throttle`
 * alone, but the index of that package loads 300 files; React is three times as big with its checks for developers; and the layout
 * engine would load an HTTP client to read its own code from a `data:` URL, which it decodes itself where there is no `fetch`.
 */
export async function loadScreen(): Promise<typeof import('./screen.js')> {
  const hooks = registerHooks({
    resolve(specifier, context, nextResolve) {
      if (/^\.\/cjs\/(?:react|scheduler)[\w-]*\.development\.js$/.test(specifier)) {
        return nextResolve(specifier.replace('.development.', '.production.'), context);
      }
      const resolved = nextResolve(specifier, context);
      if (specifier !== 'es-toolkit/compat' || !resolved.url.endsWith(COMPAT_INDEX)) return resolved;
      return { ...resolved, url: resolved.url.slice(0, -COMPAT_INDEX.length) + THROTTLE };
    },
  });
  const fetchBefore = Object.getOwnPropertyDescriptor(globalThis, 'fetch');
  Reflect.deleteProperty(globalThis, 'fetch');
  try {
    return await import('./screen.js');
  } finally {
    if (fetchBefore !== undefined) Object.defineProperty(globalThis, 'fetch', fetchBefore);
    hooks.deregister();
  }
}
