import { expect } from 'chai';
import fc from 'fast-check';
import { ProtocolError } from '../../common/protocol/errors.js';
import { eventSchema } from '../../common/protocol/event-messages.js';
import { encodeJson } from '../../common/protocol/json.js';
import { REQUEST_TYPES } from '../../common/protocol/messages.js';
import {
  parseIncoming,
  parsePeerLine,
  parseReply,
  parseRequest,
  parseTicket,
  RequestError,
} from '../../common/protocol/parse.js';
import { peerLine } from '../../common/protocol/peer-messages.js';
import { seedFor } from '../support/seed.js';
import { events } from './arbitrary-events.js';
import { errors, replyBodies, requests } from './arbitrary-messages.js';
import { peerLines, tickets } from './arbitrary-peer-lines.js';

const HEARTBEAT = { v: 1, id: 'a1', type: 'heartbeat' };
const parsers = { parseRequest, parseIncoming, parsePeerLine, parseTicket };

describe('messages', () => {
  for (const type of REQUEST_TYPES) {
    it(`${type}: a request is parsed as it was encoded, and unknown fields are dropped`, () => {
      fc.assert(
        fc.property(requests[type], (request) => {
          expect(parseRequest(encodeJson(request))).to.deep.equal(request);
          expect(parseRequest(encodeJson({ ...request, later: [1] }))).to.deep.equal(request);
        }),
        { seed: seedFor(`request ${type}`) },
      );
    });

    it(`${type}: a reply is parsed as it was encoded, success and failure`, () => {
      fc.assert(
        fc.property(replyBodies[type], errors, (body, error) => {
          for (const reply of [
            { id: 'a1', ok: true, ...body },
            { id: 'a1', ok: false, error },
          ]) {
            const incoming = parseIncoming(encodeJson(reply));
            expect(incoming).to.include({ kind: 'reply', id: 'a1' });
            expect(parseReply(type, incoming.kind === 'reply' ? incoming.value : {})).to.deep.equal(reply);
          }
        }),
        { seed: seedFor(`reply ${type}`) },
      );
    });
  }

  it('a heartbeat is the same request in the spelling of peers and in any other', () => {
    for (const libraryRevision of [undefined, 0, 7, 2 ** 49, Number.MAX_SAFE_INTEGER]) {
      const { v, id, type, ...more } = { ...HEARTBEAT, ...(libraryRevision === undefined ? {} : { libraryRevision }) };
      const asPeersDo = JSON.stringify({ v, id, type, ...more });
      const spellings = [asPeersDo, asPeersDo.padEnd(80), ` ${asPeersDo}`, JSON.stringify({ ...more, type, id, v })];
      for (const text of spellings)
        expect(parseRequest(Buffer.from(text)), text).to.deep.equal({ v, id, type, ...more });
    }
  });

  it('what is nearly a heartbeat is refused like every other request', () => {
    const text = JSON.stringify({ ...HEARTBEAT, libraryRevision: 7 });
    const refused = [`${text},`, text.slice(0, -1), text.replace('a1', 'a 1'), text.replace('a1', 'a'.repeat(33))];
    refused.push(
      ...['-7', '07', '7.5', '9007199254740992', '7e99', '""'].map((revision) => text.replace(':7', `:${revision}`)),
    );
    refused.push(text.replace('"v":1', '"v":2'), `${text}\n{}`, `\ufeff${text}`);
    for (const each of refused) expect(() => parseRequest(Buffer.from(each)), each).to.throw(RequestError);
  });

  it('every event is parsed as it was encoded', () => {
    expect(Object.keys(events)).to.have.members(eventSchema.options.map((option) => option.shape.event.value));
    fc.assert(
      fc.property(fc.oneof(...Object.values(events)), (event) => {
        expect(parseIncoming(encodeJson(event))).to.deep.equal({ kind: 'event', event });
      }),
      { seed: seedFor('events') },
    );
  });

  it('every line of the peer lane is parsed as it was encoded', () => {
    expect(Object.keys(peerLines)).to.have.members(peerLine.options.map((option) => option.shape.type.value));
    fc.assert(
      fc.property(fc.oneof(...Object.values(peerLines)), (line) => {
        expect(parsePeerLine(encodeJson(line))).to.deep.equal(line);
      }),
      { seed: seedFor('peer lines'), numRuns: 400 },
    );
  });

  it('a ticket is parsed as it was encoded', () => {
    fc.assert(
      fc.property(tickets, (ticket) => {
        expect(parseTicket(encodeJson(ticket))).to.deep.equal(ticket);
      }),
      { seed: seedFor('tickets') },
    );
  });
});

describe('parsers', () => {
  it('return a value or throw a ProtocolError for any bytes of any length', () => {
    const mutant = fc
      .tuple(
        fc.oneof(...Object.values(requests), ...Object.values(peerLines), ...Object.values(events), tickets),
        fc.nat(),
        fc.integer({ min: 0, max: 255 }),
        fc.nat(),
      )
      .map(([message, at, byte, cut]) => {
        const bytes = encodeJson(message);
        bytes[at % bytes.length] = byte;
        return bytes.subarray(0, cut % 4 === 0 ? cut % bytes.length : bytes.length);
      });
    fc.assert(
      fc.property(
        fc.oneof(
          mutant,
          fc.json().map((text) => Buffer.from(text)),
          fc.uint8Array({ maxLength: 300 }),
        ),
        (bytes) => {
          for (const parse of Object.values(parsers)) throwsOnlyItsOwn(() => parse(bytes));
        },
      ),
      { seed: seedFor('mutants'), numRuns: 3_000 },
    );
  });

  it('do so for every shortened message', () => {
    const [login] = fc.sample(requests.login, { seed: seedFor('shortened'), numRuns: 1 });
    const bytes = encodeJson(login ?? {});
    for (let length = 0; length < bytes.length; length += 1) {
      for (const parse of Object.values(parsers))
        expect(() => parse(bytes.subarray(0, length)), String(length)).to.throw(ProtocolError);
    }
  });

  it('parseReply does so for any object', () => {
    fc.assert(
      fc.property(fc.constantFrom(...REQUEST_TYPES), fc.object(), fc.boolean(), (type, value, ok) => {
        throwsOnlyItsOwn(() => parseReply(type, value));
        throwsOnlyItsOwn(() => parseReply(type, { id: 'a1', ok, ...value }));
      }),
      { seed: seedFor('random replies') },
    );
  });

  for (const [what, message, code, requestId] of [
    ['another version', { ...HEARTBEAT, v: 2 }, 'unsupported-version', 'a1'],
    ['no version', { id: 'a1', type: 'heartbeat' }, 'bad-message', 'a1'],
    ['a version that is text', { ...HEARTBEAT, v: '1' }, 'bad-message', 'a1'],
    ['an unknown type', { ...HEARTBEAT, type: 'fly' }, 'unknown-type', 'a1'],
    ['a type every object inherits', { ...HEARTBEAT, type: 'constructor' }, 'unknown-type', 'a1'],
    ['a type that is no text', { ...HEARTBEAT, type: 7 }, 'bad-message', 'a1'],
    ['no id', { v: 1, type: 'heartbeat' }, 'bad-message', undefined],
    ['an id that cannot be echoed', { ...HEARTBEAT, id: 'a b' }, 'bad-message', undefined],
    ['a long id', { ...HEARTBEAT, id: 'a'.repeat(33) }, 'bad-message', undefined],
    ['a negative number', { ...HEARTBEAT, libraryRevision: -1 }, 'bad-message', 'a1'],
    ['a broken number', { ...HEARTBEAT, libraryRevision: 1.5 }, 'bad-message', 'a1'],
    ['a number beyond exactness', { ...HEARTBEAT, libraryRevision: 2 ** 53 }, 'bad-message', 'a1'],
    ['33 acks', { ...HEARTBEAT, acks: Array(33).fill('a') }, 'bad-message', 'a1'],
    ['a lone surrogate', { v: 1, id: 'a1', type: 'search', text: '\ud800' }, 'bad-message', 'a1'],
    ['no entries', { v: 1, id: 'a1', type: 'publish', entries: [] }, 'bad-message', 'a1'],
    ['1,001 names', { v: 1, id: 'a1', type: 'unpublish', names: Array(1_001).fill('a') }, 'bad-message', 'a1'],
    [
      'base64url that is not canonical',
      { v: 1, id: 'a1', type: 'path', challenge: `${'A'.repeat(21)}B` },
      'bad-message',
      'a1',
    ],
  ] as const) {
    it(`a request with ${what} is ${code}, ${requestId === undefined ? 'and cannot be answered' : 'answered under its id'}`, () => {
      const error = failureOf(() => parseRequest(encodeJson(message)));

      expect(error).to.be.instanceOf(RequestError);
      expect([error.code, error.requestId]).to.deep.equal([code, requestId]);
    });
  }

  it('1e400 and -1 in the place of numbers are refused', () => {
    for (const number of ['1e400', '-1', '1e308', '9007199254740992']) {
      expect(
        () => parseRequest(Buffer.from(`{"v":1,"id":"a","type":"revocations","since":${number}}`)),
        number,
      ).to.throw(RequestError);
    }
  });

  it('a password with control characters, or beyond 128 bytes, is refused', () => {
    const [login] = fc.sample(requests.login, { seed: 1, numRuns: 1 });
    const withPassword = (password: string): Buffer => encodeJson({ ...login, password });

    for (const password of ['a'.repeat(128), 'ä'.repeat(64), '"'.repeat(128)])
      expect(parseRequest(withPassword(password)).type).to.equal('login');
    for (const password of ['', 'a'.repeat(129), 'ä'.repeat(65), 'a\tb', 'a\0', '\u007f'])
      expect(() => parseRequest(withPassword(password))).to.throw(RequestError);
  });

  it('complaints name the place and never the value', () => {
    const [login] = fc.sample(requests.login, { seed: 1, numRuns: 1 });
    const error = failureOf(() => parseRequest(encodeJson({ ...login, password: 'hunter2\n' })));

    expect(error.message).to.include('password').and.not.include('hunter');
  });

  it('the token of a resume datagram comes from its header and nowhere else', () => {
    const [{ token, ...resume } = { token: '' }] = fc.sample(requests.resume, { seed: 1, numRuns: 1 });

    expect(parseRequest(encodeJson(resume), token)).to.deep.equal({ ...resume, token });
    expect(parseRequest(encodeJson({ ...resume, token: 'other' }), token)).to.deep.equal({ ...resume, token });
    expect(failureOf(() => parseRequest(encodeJson(HEARTBEAT), token))).to.include({
      code: 'bad-message',
      requestId: 'a1',
    });
  });

  it('a code of a later version is read as internal', () => {
    const reply = parseReply('logout', { id: 'a1', ok: false, error: { code: 'moon-phase', message: 'x' } });

    expect(reply).to.deep.equal({ id: 'a1', ok: false, error: { code: 'internal', message: 'x' } });
  });

  it('chunk ranges that touch, overlap, run backwards or lie beyond the largest file are refused', () => {
    const have = (ranges: number[][]): Buffer =>
      encodeJson({ type: 'have', ticketId: 'LZ3w0ZcN1o2xk8YHq4mQp', have: ranges });

    expect(
      parsePeerLine(
        have([
          [0, 1],
          [2, 65_536],
        ]),
      ).type,
    ).to.equal('have');
    for (const ranges of [
      [
        [0, 1],
        [1, 2],
      ],
      [
        [0, 5],
        [3, 6],
      ],
      [
        [5, 6],
        [0, 1],
      ],
      [[3, 3]],
      [[4, 2]],
      [[0, 65_537]],
      [[0]],
      [[0, 1, 2]],
    ]) {
      expect(() => parsePeerLine(have(ranges)), JSON.stringify(ranges)).to.throw(ProtocolError);
    }
  });

  it('a run is refused by its announced length: nothing, more than 4 MiB, 2^32 − 1', () => {
    for (const bytes of [0, 4_194_305, 2 ** 32 - 1, 4 * 2 ** 30]) {
      expect(() => parsePeerLine(encodeJson({ type: 'run', id: 1, offset: 0, bytes })), String(bytes)).to.throw(
        ProtocolError,
      );
    }
  });
});

function throwsOnlyItsOwn(parse: () => unknown): void {
  try {
    parse();
  } catch (error) {
    if (!(error instanceof ProtocolError)) throw error;
  }
}

function failureOf(parse: () => unknown): RequestError {
  try {
    parse();
  } catch (error) {
    if (error instanceof RequestError) return error;
    throw error;
  }
  throw new Error('nothing was thrown');
}
