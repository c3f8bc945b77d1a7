-- Durable work (engine.md). Conventions as in ledger.sql.

CREATE TABLE worker_boot (                        -- one start of one process
  id         uuid   NOT NULL,
  epoch      bigint NOT NULL,                     -- counts starts; a lease of an older boot is void on SQLite
  role       text   NOT NULL,
  version    text   NOT NULL,
  started_at bigint NOT NULL,
  seen_at    bigint NOT NULL,
  stopped_at bigint,
  CONSTRAINT worker_boot_pkey       PRIMARY KEY (id),
  CONSTRAINT worker_boot_epoch_key  UNIQUE (epoch),
  CONSTRAINT worker_boot_role_check CHECK (role IN ('all', 'api', 'worker'))
);

CREATE TABLE job (
  id           uuid    NOT NULL,
  kind         text    NOT NULL,
  lane         text    NOT NULL,
  account_id   uuid    NOT NULL,                  -- all zeros for the system
  subject_kind text    NOT NULL,
  subject_id   uuid    NOT NULL,
  payload      text    NOT NULL,
  dedupe_key   text    NOT NULL,
  state        text    NOT NULL,
  ready_at     bigint  NOT NULL,
  fence        bigint  NOT NULL DEFAULT 0,
  boot_id      uuid,
  lease_until  bigint,
  attempts     integer NOT NULL DEFAULT 0,
  attempts_max integer NOT NULL,
  crashes      integer NOT NULL DEFAULT 0,
  error_code   text,
  error_detail text,
  created_at   bigint  NOT NULL,
  finished_at  bigint,
  CONSTRAINT job_pkey           PRIMARY KEY (id),
  CONSTRAINT job_lane_check     CHECK (lane IN ('interactive', 'bulk', 'system')),
  CONSTRAINT job_state_check    CHECK (state IN ('ready', 'running', 'done', 'failed', 'dead', 'cancelled')),
  CONSTRAINT job_lease_check    CHECK ((state = 'running') = (boot_id IS NOT NULL) AND (state = 'running') = (lease_until IS NOT NULL)),
  CONSTRAINT job_finished_check CHECK ((state IN ('ready', 'running')) = (finished_at IS NULL)),
  CONSTRAINT job_payload_check  CHECK (length(payload) <= 65536),
  CONSTRAINT job_attempts_check CHECK (attempts >= 0 AND attempts_max >= 1 AND crashes >= 0)
);
CREATE UNIQUE INDEX job_dedupe_key ON job (dedupe_key) WHERE state IN ('ready', 'running');
CREATE INDEX job_ready_idx ON job (lane, account_id, ready_at, id) WHERE state = 'ready';
CREATE INDEX job_lease_idx ON job (lease_until) WHERE state = 'running';
CREATE INDEX job_subject_idx ON job (subject_kind, subject_id);
--pg: ALTER TABLE job SET (fillfactor = 70);

CREATE TABLE job_quota (                          -- how many jobs of an account may run at once, and do
  account_id uuid    NOT NULL,
  lane       text    NOT NULL,
  running    integer NOT NULL DEFAULT 0,
  cap        integer NOT NULL,
  CONSTRAINT job_quota_pkey          PRIMARY KEY (account_id, lane),
  CONSTRAINT job_quota_lane_check    CHECK (lane IN ('interactive', 'bulk', 'system')),
  CONSTRAINT job_quota_running_check CHECK (running >= 0 AND cap >= 1)
);

CREATE TABLE run_event (                          -- the numbered events of one subject
  subject_kind text   NOT NULL,
  subject_id   uuid   NOT NULL,
  seq          bigint NOT NULL,
  account_id   uuid   NOT NULL,
  kind         text   NOT NULL,
  payload      text   NOT NULL,
  credit_seq   bigint,                            -- the account's credit number, available and held after an event that moved credits
  available    bigint,
  held         bigint,
  at           bigint NOT NULL,
  CONSTRAINT run_event_pkey      PRIMARY KEY (subject_kind, subject_id, seq),
  CONSTRAINT run_event_seq_check CHECK (seq >= 1)
);
