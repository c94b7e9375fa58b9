import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { z } from 'zod';
import { ERROR_TEXTS } from '../../common/protocol/errors.js';
import { eventSchema } from '../../common/protocol/event-messages.js';
import * as limits from '../../common/protocol/limits.js';
import { REQUEST_TYPES, type RequestType, replySchemas, requestSchemas } from '../../common/protocol/messages.js';
import {
  parseIncoming,
  parsePeerLine,
  parseRelayAnswer,
  parseRelayHello,
  parseReply,
  parseRequest,
  parseTicket,
} from '../../common/protocol/parse.js';
import { peerLine, ticketSchema } from '../../common/protocol/peer-messages.js';
import { relayHello } from '../../common/protocol/reach-fields.js';
import { KIND } from '../../common/wire/datagrams.js';
import { projectRoot } from '../support/shoal-command.js';

const text = readFileSync(join(projectRoot(), 'docs', 'protocol.md'), 'utf8');

interface Example {
  readonly kind: string;
  readonly name: string;
  readonly json: string;
}
const examples: readonly Example[] = [...text.matchAll(/^```json ?(\S*) ?(\S*)\n([\s\S]*?)^```$/gm)].map(
  ([, kind = '', name = '', json = '']) => ({ kind, name, json }),
);
const named = (kind: string): string[] => [
  ...new Set(examples.filter((example) => example.kind === kind).map(({ name }) => name)),
];

describe('docs/protocol.md', () => {
  for (const { kind, name, json } of examples) {
    it(`the example "${kind} ${name}" is parsed by the program, which keeps every field of it`, () => {
      expect(parseExample(kind, name, json)).to.deep.equal(JSON.parse(json));
    });
  }

  it('has an example of every request, reply, event and peer line', () => {
    // The reply to resume is that of login, as the text says.
    expect(named('request')).to.have.members([...REQUEST_TYPES]);
    expect(named('reply')).to.have.members(REQUEST_TYPES.filter((type) => type !== 'resume'));
    expect(named('event')).to.have.members(eventSchema.options.map((option) => option.shape.event.value));
    expect(named('peer')).to.have.members(peerLine.options.map((option) => option.shape.type.value));
    expect(named('ticket')).to.deep.equal(['']);
    expect(sectionTitles('### ')).to.have.members([...REQUEST_TYPES]);
  });

  it('mentions every field of every message', () => {
    const fields = new Set(
      [
        ...Object.values(requestSchemas),
        ...Object.values(replySchemas),
        eventSchema,
        peerLine,
        relayHello,
        ticketSchema,
      ].flatMap(fieldsOf),
    );
    const missing = [...fields].filter(
      (field) =>
        !text.includes(`"${field}"`) &&
        !text.includes(`\`${field}\``) &&
        !text.includes(`\`${field}:`) &&
        !text.includes(`${field}?`),
    );

    expect(missing).to.deep.equal([]);
  });

  it('lists every error code with its sentence, and no other', () => {
    const rows = tableOf('## Error codes').map(([code = '', meaning = '']) => [code.replaceAll('`', ''), meaning]);

    expect(Object.fromEntries(rows)).to.deep.equal({ ...ERROR_TEXTS });
    expect(rows.length).to.equal(Object.keys(ERROR_TEXTS).length);
  });

  it('lists every limit with its value, and no other', () => {
    const rows = tableOf('## Limits').map(([name = '', value = '']) => [
      name.replaceAll('`', ''),
      value.split(',').map(Number),
    ]);
    const actual = Object.entries(limits).map(([name, value]) => [
      name,
      typeof value === 'number' ? [value] : [...value],
    ]);

    expect(Object.fromEntries(rows)).to.deep.equal(Object.fromEntries(actual));
  });

  it('lists every kind of datagram', () => {
    const kinds = [...text.matchAll(/^\| `0x([0-9a-f]{2})` /gm)].map(([, digits = '']) => Number.parseInt(digits, 16));

    expect(kinds).to.have.members(Object.values(KIND));
  });

  it('speaks of the lengths and versions the program has', () => {
    for (const [phrase, value] of [
      ['at most 8,192 bytes before login', limits.MAX_HELLO_LINE_BYTES],
      ['1,048,576 after', limits.MAX_LINE_BYTES],
      ['at most 1,200 bytes', limits.MAX_DATAGRAM_BYTES],
      ['at most 65,536 bytes', limits.MAX_PEER_LINE_BYTES],
      ['at most 4,194,304', limits.MAX_RUN_BYTES],
      ['at most 8 levels', limits.MAX_JSON_DEPTH],
    ] as const) {
      expect(text).to.include(phrase);
      expect(phrase).to.include(value.toLocaleString('en-US'));
    }
  });
});

function parseExample(kind: string, name: string, json: string): unknown {
  const bytes = Buffer.from(json);
  switch (kind) {
    case 'request':
      return parseRequest(bytes);
    case 'reply':
      return parseReply(name as RequestType, JSON.parse(json) as object);
    case 'event': {
      const incoming = parseIncoming(bytes);
      return incoming.kind === 'event' ? incoming.event : incoming;
    }
    case 'peer':
      return parsePeerLine(bytes);
    case 'relay':
      return name === 'hello' ? parseRelayHello(bytes) : parseRelayAnswer(bytes);
    case 'ticket':
      return parseTicket(bytes);
    default:
      throw new Error(`an example of an unknown kind: "${kind} ${name}"`);
  }
}

function sectionTitles(mark: string): string[] {
  return text
    .split('\n')
    .filter((line) => line.startsWith(mark))
    .map((line) => line.slice(mark.length));
}

/** Rows of the first table below a heading, without its head. */
function tableOf(heading: string): string[][] {
  const after = text.slice(text.indexOf(`\n${heading}\n`) + heading.length + 2);
  const section = after.slice(0, after.search(/^## /m) === -1 ? undefined : after.search(/^## /m));
  return section
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) =>
      line
        .split('|')
        .slice(1, -1)
        .map((cell) => cell.trim()),
    );
}

function fieldsOf(schema: z.ZodType): string[] {
  const found: string[] = [];
  const walk = (node: unknown): void => {
    if (typeof node !== 'object' || node === null) return;
    if ('properties' in node && typeof node.properties === 'object' && node.properties !== null)
      found.push(...Object.keys(node.properties));
    for (const value of Object.values(node)) walk(value);
  };
  walk(z.toJSONSchema(schema, { unrepresentable: 'any', io: 'input' }));
  return found;
}
