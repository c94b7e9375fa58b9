/** Every limit of the protocol, named once, with its unit and reason. See docs/protocol.md "Limits". */

/** One datagram: stays whole on any IPv6 path (minimum MTU 1,280 less headers). */
export const MAX_DATAGRAM_BYTES = 1_200;
/** Plaintext of a sealed request, padded with spaces: a changed address is answered with a challenge no longer than the request. */
export const MIN_UDP_REQUEST_BYTES = 80;
/** One TCP line after login: a bulk publish of 1,000 of the longest entries fits. */
export const MAX_LINE_BYTES = 1_048_576;
/** One TCP line before login: nobody unproven makes the tracker hold more. */
export const MAX_HELLO_LINE_BYTES = 8_192;
/** Nesting of JSON values: the deepest message of ours has 4. */
export const MAX_JSON_DEPTH = 8;
/** Entries of one bulk request. */
export const MAX_BULK_ENTRIES = 1_000;
/** Rows of one page over TCP; over UDP as many as fit one datagram. */
export const MAX_PAGE_ROWS = 1_000;
export const DEFAULT_PAGE_ROWS = 100;
/** Mutations of one session whose outcome the client has not acknowledged. */
export const MAX_UNACKNOWLEDGED = 32;
/** Requests of one TCP connection that wait for their reply; further lines stay unread. */
export const MAX_PIPELINED = 32;
/** Sessions of one user: one account must not fill the tracker's memory. With one more, the longest silent that does not serve ends. */
export const MAX_SESSIONS_PER_USER = 64;
/** TCP connections of one user: one account must not take all places. With one more, the oldest is closed. */
export const MAX_CONNECTIONS_PER_USER = 64;
/** TCP connections of one source (an IPv4 address, an IPv6 /64) without a session; with one more, the oldest that waits for no reply is closed. */
export const MAX_HELLOS_PER_SOURCE = 64;
/** UTF-8 bytes: a padded login fits one datagram with it, even if JSON must escape each. */
export const MAX_PASSWORD_BYTES = 128;
/** Characters of a resume token: a padded resume and the reply that brings a new one fit one datagram with it. */
export const MAX_RESUME_TOKEN_LENGTH = 512;
/** Characters of the host a peer asks to be listed at; longer ones do not fit a padded login. */
export const MAX_ADVERTISE_LENGTH = 128;
/** UTF-16 units of a search text; longer than any name is pointless. */
export const MAX_SEARCH_TEXT = 255;
/** Publications that one search may name, and that one `match` event names: it fits a datagram. */
export const MAX_SEARCH_IDS = 32;
/** Endings of names in one search: all kinds of pictures together are fewer. */
export const MAX_ENDINGS = 64;
export const MAX_ENDING_LENGTH = 16;
/** Searches of one session that are held against new publications; each is compared with every name that is published. */
export const MAX_SAVED_SEARCHES = 32;
/** Of all sessions of one user: with more, those of the session that was not heard of for longest are forgotten until it tells them again. */
export const MAX_SAVED_SEARCHES_PER_USER = 128;
/** Publications that one user may hold, over all sessions: one account must not fill the tracker's memory. Depots, which are appointed, may hold more. */
export const MAX_HOLDS_PER_USER = 100_000;
/** Characters of the id that a peer gives a saved search. */
export const MAX_SAVED_SEARCH_ID = 16;
/** UTF-16 units of a path inside a folder: 32 names of 255 bytes. */
export const MAX_PATH_LENGTH = 8_192;
/** Files of one folder: its listing, and what a search may have to look through, stay within bounds. */
export const MAX_FOLDER_FILES = 1_000_000;
/** LAN addresses a peer may offer. */
export const MAX_LAN_ADDRESSES = 4;

/** Addresses at which a source is asked to dial back: LAN ones, the observed one and the advertised one. */
export const MAX_REACH_ADDRESSES = 6;
/** Two peers that are to meet have so long for it, ms; then the token is worth nothing. */
export const MEETING_LIFE_MS = 15_000;
/** Meetings that one user may ask for within that time, and that one source may be asked for. */
export const MAX_MEETINGS_ASKED = 64;
export const MAX_MEETINGS_OF_SOURCE = 256;
/** Relayed connections of one user at once, and of all together: each holds two sockets of the tracker. */
export const MAX_RELAYS_PER_USER = 16;
export const MAX_RELAYS = 1_024;
/** The line that opens a relayed connection, bytes. */
export const MAX_RELAY_LINE_BYTES = 512;
/** Both ends of a relayed connection must have sent something within this, ms. */
export const RELAY_FIRST_BYTES_MS = 10_000;

/** User names, and group names, in the rights of a publication. */
export const MAX_RIGHTS_NAMES = 256;
/** Downloads that may be counted for one publication: beyond it nobody means a limit. */
export const MAX_COUNTED_DOWNLOADS = 1_000_000;
/** Within this after the first one, ms, a user's further tickets for a publication are not counted, nor is its passcode asked for again. */
export const FREE_RETRIES_MS = 86_400_000;

/** Depots that one publication may be stored at. */
export const MAX_COPIES = 16;
/** Publications of which one request may ask for the copies. */
export const MAX_COPIES_ASKED = 32;
/** A holder that was not seen for this long, ms, counts as lost in `atRisk`: longer than a holiday. */
export const LONG_UNSEEN_MS = 21 * 86_400_000;

/** How often a peer says it is there, ms; the tracker may ask for less often, up to `MAX_HEARTBEAT_MS`. */
export const HEARTBEAT_MS = 2_000;
export const MAX_HEARTBEAT_MS = 10_000;
/** Inactive after so many intervals without a heartbeat. */
export const MISSED_INTERVALS = 3;
/** A request over UDP is sent again after these times, ±25 %, then goes over TCP. */
export const RESEND_AFTER_MS = [250, 500, 1_000, 2_000] as const;
/** A request over UDP is given up after this, ms. */
export const UDP_GIVE_UP_MS = 5_000;

/** Time a new TCP connection has until its login is whole, ms. */
export const HELLO_DEADLINE_MS = 5_000;
/** TLS handshake deadline, ms, tracker and file port alike. */
export const TLS_HANDSHAKE_DEADLINE_MS = 5_000;
/** A TCP connection without traffic is closed after this, ms. */
export const TCP_IDLE_MS = 120_000;

/** Life of a ticket, ms; a downloader renews at half of it. */
export const TICKET_LIFE_MS = 3_600_000;
/** Life of a resume token, ms: a laptop may stay closed over a holiday. */
export const RESUME_TOKEN_LIFE_MS = 30 * 86_400_000;
/** A KEM key is offered so long, ms; the one before it still opens logins. */
export const KEM_KEY_LIFE_MS = 3_600_000;
/** A cookie is good for at least this, ms, and at most twice. */
export const COOKIE_LIFE_MS = 60_000;

/** One line of the peer lane. */
export const MAX_PEER_LINE_BYTES = 65_536;
/** Ranges of chunks that one line may name. */
export const MAX_RANGES = 2_048;
/** Small files that one `files` request may name: the request fits a line. */
export const MAX_FILES_REQUESTED = 512;
/** Bytes that may follow one run line. */
export const MAX_RUN_BYTES = 4_194_304;

/** Downloaders of one source that has all who bring its content to the others; they have the lowest device pins, and everybody is told of them. */
export const SWARM_BRINGERS = 8;
