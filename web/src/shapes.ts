// The types of the API's JSON. Written by web/shapes from src/api/shapes.def; not by hand.

/** What went wrong (RFC 9457), as application/problem+json. */
export interface Problem {
  /** A relative reference that names the kind of problem: /problems/forbidden */
  type: string;
  /** The same in words, always the same for one type */
  title: string;
  /** The HTTP status */
  status: number;
  /** A sentence about this one */
  detail?: string | null;
  /** The rule of a policy that said no, where there is one */
  rule?: string | null;
}

/** Who is signed in, and what they may do. */
export interface Me {
  /** The name that policies use */
  user: string;
  /** The token's sub */
  subject: string;
  /** Who vouches for them */
  issuer: string;
  /** Of the token */
  groups: string[];
  /** The token is no person's */
  machine: boolean;
  /** admin, auditor, approver, and always user */
  roles: string[];
  /** What X-CSRF-Token must say in requests that change anything; only where a cookie signed in */
  csrf?: string | null;
  /** When they must sign in again */
  expires?: string | null;
  /** Postern's */
  version: string;
}

/** How people sign in; for programs and the sign-in page. */
export interface SignIn {
  /** Those that people can use; may be empty */
  issuers: SignInIssuer[];
}

/** One provider. */
export interface SignInIssuer {
  /** Its URL, as it stands in tokens */
  issuer: string;
  /** As whom Postern asks it for browsers */
  client_id: string;
  /** As whom programs ask it, with the device flow */
  login_client_id?: string | null;
  /** What tokens must be made for to be let in at the database */
  audience: string;
  /** What is asked for, with spaces between */
  scopes: string;
  /** RFC 8707: what is asked for with the scopes */
  resource?: string | null;
  /** Where a browser begins: /auth/sign-in?issuer=… */
  start: string;
}

/** Signing out. */
export interface SignedOut {
  /** Where the browser may go to sign out of the provider as well */
  provider?: string | null;
}

/** Sessions, newest first. */
export interface SessionPage {
  /** At most `limit` */
  items: Session[];
  /** The cursor of the page behind this one; null at the end */
  next?: string | null;
}

/** One client's session at the gateway. */
export interface Session {
  /** 13 characters, in order of time */
  id: string;
  /** Who; verified */
  principal: string;
  /** The token's sub */
  subject: string;
  /** Who vouched */
  issuer: string;
  /** Of the token */
  groups: string[];
  /** The token was no person's */
  machine: boolean;
  /** For whom the token says that it acts; verified */
  on_behalf_of?: string | null;
  /** As the configuration calls it */
  connection: string;
  /** On the server */
  database: string;
  /** The database role */
  login: string;
  /** The client's address */
  client: string;
  /** application_name; claimed */
  application?: string | null;
  /** Those that apply to it */
  policies: string[];
  /** SHA-256 of the policies' text */
  policy_hash: string;
  /** Claimed: postern.task */
  task?: string | null;
  /** Claimed: postern.agent */
  agent?: string | null;
  /** When it began */
  started: string;
  /** Its newest entry that was indexed */
  last: string;
  /** When it ended; null while it is open */
  ended?: string | null;
  /** Why it ended */
  reason?: string | null;
  /** It is open */
  live: boolean;
  /** Executions, refused ones included */
  statements: number;
  /** Of them */
  refused: number;
  /** Errors that the client got */
  errors: number;
  /** Rows returned or changed */
  rows: number;
  /** The number of its newest entry that was indexed */
  last_sequence: number;
  /** It is the caller's own */
  mine: boolean;
}

/** What happened in a session, in order. */
export interface EntryPage {
  /** The events of at most `limit` entries, as doc/replay-json.md describes them */
  items: Event[];
  /** The cursor of what follows. Of an open session always there: where there is nothing more yet, the same place, to be asked again. Null at the end of one that is over */
  next?: string | null;
  /** The session is over and this is the end of its record: nothing will follow */
  ended: boolean;
}

/** An event of a session: doc/replay-json.md. */
export interface Event {
  /** Its kind */
  event: string;
  /** The session's id */
  session: string;
  /** The number of its entry */
  sequence: number;
  /** The execution that it belongs to */
  run?: number | null;
  /** When */
  time: string;
  /** Microseconds since the session's first entry */
  offset_us: number;
}

/** Ending a session. */
export interface KillRequest {
  /** For the record and the client; at most 1,000 bytes */
  reason?: string | null;
}

/** Why a session does what it does: claims, recorded as such. */
export interface ContextRequest {
  /** What the agent was asked */
  prompt?: string | null;
  /** Sessions with the same task are shown as one task */
  task?: string | null;
  /** The tool that is used */
  tool?: string | null;
  /** The agent's name */
  agent?: string | null;
  /** The model's name */
  model?: string | null;
  /** A trace id, W3C traceparent */
  trace?: string | null;
  /** For whom; claimed, it decides nothing */
  on_behalf_of?: string | null;
}

/** It was done. */
export interface Done {
  /** Always true */
  done: boolean;
}

/** What ran, by session, shape and verdict, newest first. */
export interface StatementPage {
  /** At most `limit` */
  items: Statement[];
  /** The cursor of the page behind this one */
  next?: string | null;
}

/** One shape of statement as it ran in one minute of one session; literals are cut out. */
export interface Statement {
  /** The session's id */
  session: string;
  /** Who */
  principal: string;
  /** For whom the token says that it acts; verified */
  on_behalf_of?: string | null;
  /** Where */
  connection: string;
  /** The statement without its literals */
  shape: string;
  /** SELECT, DROP TABLE */
  tags: string[];
  /** doc/effects.md */
  effects: string[];
  /** What it touches */
  relations: string[];
  /** allow, deny, hold, observed */
  decision: string;
  /** That decided */
  policy?: string | null;
  /** That decided */
  rule?: string | null;
  /** The newest SQLSTATE */
  error?: string | null;
  /** The minute */
  time: string;
  /** How often */
  executions: number;
  /** How many of them failed */
  errors: number;
  /** Returned or changed, together */
  rows: number;
  /** Microseconds, together */
  us: number;
  /** Of the longest outcome */
  longest_us: number;
  /** Of the outcome with the most */
  most_rows: number;
  /** The entry of the first: /v1/sessions/{session}/entries?from=… */
  first_sequence: number;
  /** The entry of the last */
  last_sequence: number;
}

/** Connections that were turned away before they were sessions, newest first. */
export interface RejectionPage {
  /** At most `limit` */
  items: Rejection[];
  /** The cursor of the page behind this one */
  next?: string | null;
}

/** One connection that was turned away. */
export interface Rejection {
  /** When */
  time: string;
  /** doc/wire.md lists them */
  reason: string;
  /** What the client got */
  sqlstate: string;
  /** Who, where that was known */
  principal?: string | null;
  /** The client's address */
  client?: string | null;
}

/** Held statements: those that wait first, oldest first; then decided ones, newest first. */
export interface ApprovalPage {
  /** At most `limit` */
  items: Approval[];
  /** The cursor of the page behind this one */
  next?: string | null;
}

/** A statement that waits, or waited, for people. */
export interface Approval {
  /** 13 characters, in order of time */
  id: string;
  /** waiting, approved, used, lapsed, denied, expired, withdrawn */
  state: string;
  /** The session's id */
  session: string;
  /** Its execution in the session's record */
  run?: number | null;
  /** Who asks */
  principal: string;
  /** The token's sub */
  subject: string;
  /** Who vouched */
  issuer: string;
  /** Of the requester's token */
  groups: string[];
  /** The requester's token is no person's */
  machine: boolean;
  /** For whom the token says that it acts; verified */
  on_behalf_of?: string | null;
  /** What the client claims: prompt, task, tool, model … */
  claimed: Record<string, string>;
  /** Where it would run */
  connection: string;
  /** On the server */
  database: string;
  /** The database role */
  login: string;
  /** In force */
  search_path: string;
  /** The exact text */
  sql: string;
  /** The texts that it runs by name (EXECUTE) */
  beside?: string | null;
  /** In order; empty for a simple query */
  parameters: Parameter[];
  /** SELECT, DROP TABLE */
  tags: string[];
  /** doc/effects.md */
  effects: string[];
  /** What it touches */
  relations: ApprovalRelation[];
  /** missing, trivial, present */
  where?: string | null;
  /** That holds it */
  policy: string;
  /** That holds it */
  rule: string;
  /** The rule's sentence */
  message: string;
  /** The groups that may approve */
  by: string[];
  /** Each rule that holds it; policy and rule are those of the first, by those of all */
  rules: ApprovalRule[];
  /** Of different people */
  approvals_needed: number;
  /** A decision needs a reason */
  reason_required: boolean;
  /** What the dry run changed; the approval binds it */
  counted_rows?: number | null;
  /** Why there is no count */
  not_counted?: string | null;
  /** What a dry run does not take back: sequences, triggers */
  not_undone: string[];
  /** When it was asked */
  created: string;
  /** Until when it can be decided, or, approved, used */
  expires: string;
  /** When it came into its state */
  since?: string | null;
  /** Withdrawn, lapsed: why, as a sentence */
  why?: string | null;
  /** The id of the one that this follows, since something changed */
  replaces?: string | null;
  /** What changed, as a sentence */
  because?: string | null;
  /** SHA-256 over all that an approval binds, hexadecimal; a decision names it */
  digest: string;
  /** So far */
  decisions: Decision[];
  /** The caller may */
  can_decide: boolean;
  /** Why not, as a sentence */
  cannot?: string | null;
}

/** A parameter of a statement. */
export interface Parameter {
  /** As PostgreSQL prints it; null for NULL */
  value?: string | null;
  /** Its type */
  oid?: number | null;
  /** Its type's name, where it is one of PostgreSQL's own */
  type?: string | null;
  /** How it was sent */
  binary: boolean;
}

/** A rule that holds a statement; each wants its own approvals. */
export interface ApprovalRule {
  /** Whose rule it is */
  policy: string;
  /** Its name */
  rule: string;
  /** The groups of which somebody may approve for it */
  by: string[];
  /** Of so many different people */
  approvals: number;
  /** How many of them are still needed */
  missing: number;
  /** Each with a reason */
  reason_required: boolean;
}

/** A relation that a held statement touches. */
export interface ApprovalRelation {
  /** With its schema */
  name: string;
  /** Effects on it */
  access: string[];
  /** The text does not name it: a view, a partition, a foreign key or a rule leads to it */
  through?: boolean | null;
  /** It is changed without a WHERE */
  whereless?: boolean | null;
}

/** What one person decided. */
export interface Decision {
  /** The user's name */
  who: string;
  /** Or deny */
  approve: boolean;
  /** In their words */
  reason?: string | null;
  /** When */
  time: string;
}

/** Deciding. */
export interface DecideRequest {
  /** Or deny */
  approve: boolean;
  /** Of the approval as it was shown: another is refused */
  digest: string;
  /** At most 1,000 bytes */
  reason?: string | null;
}

/** The policies in force. */
export interface Policies {
  /** SHA-256 of the text */
  hash: string;
  /** All of them in one form, in name order, as YAML */
  text: string;
  /** One each */
  items: Policy[];
}

/** One policy. */
export interface Policy {
  /** Its name */
  name: string;
  /** Where it applies; empty: everywhere */
  connections: string[];
  /** The login that it picks */
  login?: string | null;
  /** Where it stands */
  file: string;
  /** Where it stands */
  line: number;
}

/** Asking what would be judged of a text. */
export interface ExplainRequest {
  /** The text */
  sql: string;
  /** Where */
  connection: string;
  /** Who; the caller themselves if left out. Of others: auditors and admins only */
  user?: string | null;
  /** Their groups */
  groups?: string[] | null;
  /** They are a machine */
  machine?: boolean | null;
  /** That they ask for, where it is not the connection's name */
  database?: string | null;
}

/** What would be judged, as `postern policy explain --json` says it. */
export interface Explanation {
  /** allow, deny, hold, observed */
  decision: string;
  /** That decides */
  policy?: string | null;
  /** That decides */
  rule: string;
  /** A sentence */
  message: string;
  /** What would be allowed */
  hint?: string | null;
  /** What an observing policy would have said */
  would?: string | null;
  /** Allowed for at most so many changed rows; with more, it is held */
  up_to_rows?: number | null;
  /** Held: the groups that may approve */
  by?: string[] | null;
  /** To auditors and admins, where columns are masked: the text that is sent to the server, names written out and masks in place */
  sent?: string | null;
  /** The columns that are masked in what is sent: public.customers.email */
  masks?: string[] | null;
  /** Names were resolved in the database's catalogue; else they were judged as written */
  resolved: boolean;
  /** Not resolved: why, as a sentence */
  catalogue?: string | null;
  /** Resolved: in which schemas, in order; a session's own may be another */
  search_path?: string[] | null;
  /** Each statement of the text */
  statements: ExplainedStatement[];
}

/** What one statement is. */
export interface ExplainedStatement {
  /** The statement */
  text: string;
  /** SELECT, DROP TABLE */
  tag: string;
  /** doc/effects.md */
  effects: string[];
  /** missing, trivial, present */
  where?: string | null;
  /** What it touches */
  relations: string[];
  /** This one decided */
  decided: boolean;
}

/** The databases behind the gateway. */
export interface Connections {
  /** Those that the caller may come in at; all for admins and auditors */
  items: Connection[];
}

/** A database behind the gateway. */
export interface Connection {
  /** What clients ask for as their database */
  name: string;
  /** Patterns of further names that it serves */
  databases: string[];
  /** The names of its logins; empty for those who are neither admin nor auditor */
  logins: string[];
  /** Where clients connect to */
  host?: string | null;
  /** Where clients connect to */
  port?: number | null;
}

/** A login for a database client. */
export interface Token {
  /** The user name that a client gives */
  login: string;
  /** The password that belongs to it, for SCRAM-SHA-256; it is kept nowhere and not told again */
  token: string;
  /** When it ends, and with it the sessions that signed in with it */
  expires: string;
  /** Whom it stands for */
  user: string;
}

/** Ending minted logins. */
export interface EndRequest {
  /** Its user name; left out: all of the caller's */
  login?: string | null;
}

/** What was ended. */
export interface Ended {
  /** How many logins */
  ended: number;
}

/** The log's newest signed checkpoint. */
export interface Checkpoint {
  /** A C2SP signed note: origin, size, root, signature */
  note: string;
  /** The public key, as a C2SP verifier key */
  key: string;
}

/** That an entry's block stands in the log (RFC 6962); doc/log-format.md describes the head. */
export interface EntryProof {
  /** The session's id */
  session: string;
  /** The first entry of the block */
  first_sequence: number;
  /** The last */
  last_sequence: number;
  /** The block's number in the log, from 0 */
  leaf: number;
  /** The block's head, base64: the leaf of the tree. It has the digest of the block's ciphertext */
  head: string;
  /** SHA-256 of a zero byte and the head, hexadecimal */
  leaf_hash: string;
  /** Of the tree */
  size: number;
  /** The hashes from the leaf to the root, hexadecimal */
  proof: string[];
  /** The C2SP signed note of this tree */
  checkpoint: string;
}

/** Who saw a column. */
export interface WhoSaw {
  /** By principal, column, state and shape of statement; the newest first */
  items: Sight[];
  /** There are more than were asked for */
  more: boolean;
}

/** A column as it came out to one principal by one shape of statement. */
export interface Sight {
  /** Who */
  principal: string;
  /** Where */
  connection: string;
  /** The table; values: what was found by what it looks like */
  relation: string;
  /** The column; * where it is not known which came out */
  column: string;
  /** clear, masked, or untraced: the table was read by somebody whose statements are not looked into */
  state: string;
  /** How often */
  results: number;
  /** Their rows, together */
  rows: number;
  /** In how many sessions */
  sessions: number;
  /** To the minute */
  first: string;
  /** To the minute */
  last: string;
  /** The newest session's id */
  session: string;
  /** There, the entry that ends its last result of this kind */
  sequence: number;
  /** The statement without its literals */
  shape: string;
}

/** Asking who was shown a value. */
export interface WhoSawRequest {
  /** people.mail, public.people.mail, or people.* for any */
  column: string;
  /** The value, at most 8,192 bytes */
  value: string;
  /** The principal */
  who?: string | null;
  /** The connection */
  connection?: string | null;
  /** One session's */
  session?: string | null;
  /** A time: at or after this */
  since?: string | null;
  /** A time: before this */
  until?: string | null;
  /** Read the recordings, also where the column's values are indexed */
  scan?: boolean | null;
}

/** Who was shown a value, clear. */
export interface WhoSawValue {
  /** By session and shape of statement */
  items: ValueSight[];
  /** The recordings were read; else the keyed index was asked */
  scanned: boolean;
  /** Rows of the column of which it is not known what they showed: they were not recorded */
  unknown_rows: number;
  /** Sessions whose recordings cannot be read, or not to the end */
  unread: number;
}

/** A value as it came out in one session by one shape of statement. */
export interface ValueSight {
  /** Who */
  principal: string;
  /** For whom the token says that it acts; verified */
  on_behalf_of?: string | null;
  /** Where */
  connection: string;
  /** The column; untraced where it is not known which it was */
  column: string;
  /** That showed it */
  rows: number;
  /** When the first of them */
  first: string;
  /** When the last */
  last: string;
  /** The session's id */
  session: string;
  /** The entry of the first of them */
  first_sequence: number;
  /** The entry of the last */
  last_sequence: number;
  /** The statement without its literals */
  shape: string;
}

/** Counts for plots. */
export interface Overview {
  /** The first bucket's beginning */
  since: string;
  /** The last bucket's end */
  until: string;
  /** Seconds of a bucket */
  bucket_s: number;
  /** Those in which something happened */
  buckets: OverviewBucket[];
  /** The busiest */
  principals: OverviewCount[];
  /** The busiest */
  relations: OverviewCount[];
  /** The shapes with the longest mean time */
  slow: OverviewSlow[];
  /** Open now */
  live_sessions: number;
  /** That wait now */
  waiting_approvals: number;
}

/** One span of time. */
export interface OverviewBucket {
  /** Its beginning */
  time: string;
  /** Executions */
  statements: number;
  /** Denied */
  refused: number;
  /** Held */
  held: number;
  /** Failed */
  errors: number;
  /** Rows */
  rows: number;
}

/** How much of something. */
export interface OverviewCount {
  /** The principal or the relation */
  name: string;
  /** Executions */
  statements: number;
  /** Denied or held */
  refused: number;
  /** Rows */
  rows: number;
}

/** A shape that takes long. */
export interface OverviewSlow {
  /** The statement without its literals */
  shape: string;
  /** How often */
  executions: number;
  /** Microseconds on average */
  mean_us: number;
}
