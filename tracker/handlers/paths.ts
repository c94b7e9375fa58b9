import { checkRelativePath } from '../../common/content/file-name.js';
import { ProtocolError } from '../../common/protocol/errors.js';
import type { PathsOutcome } from '../store/path-rows.js';
import type { Handler } from './call.js';
import { mutateOnce } from './mutation.js';

/** What a folder of one's own holds, so that search finds it. See docs/protocol.md "paths". */
export const paths: Handler<'paths'> = async (services, call) => {
  const { request, session, carrier } = call;
  const { publicationId, fileId, start = false, put = [], drop = [], end = false } = request;
  if (carrier.kind === 'udp' && put.length + drop.length > 1) throw new ProtocolError('use-tcp');
  for (const { path } of put) {
    const problem = checkRelativePath(path);
    if (problem !== undefined) throw new ProtocolError('bad-name', problem.message);
  }
  const { user } = session;
  services.rates.take(user, 'publishRate', put.length + drop.length);
  const quota = services.policy.limitOf(user, 'publications');
  const change = { type: 'paths', user, publicationId, fileId, start, put, drop, end, quota } as const;
  const { refused } = (await mutateOnce(services, call, change)).body as PathsOutcome;
  if (refused !== undefined) throw new ProtocolError(refused);
  return {};
};
