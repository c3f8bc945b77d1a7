-- Runs of the pipeline over a site, their stages and items, and when they start by themselves. Conventions as in ledger.sql.

CREATE TABLE automation_config (                  -- how a site's runs go; a site that never said has the defaults
  site_id           uuid    NOT NULL,
  account_id        uuid    NOT NULL,
  enabled           boolean NOT NULL,             -- whether runs start by themselves
  frequency         text    NOT NULL,
  weekday           text    NOT NULL,             -- for weekly ones
  start_minute      integer NOT NULL,             -- of the local day
  stages            text    NOT NULL,             -- a JSON list: for each stage whether it is on, its batch and its cap
  item_delay_s      integer NOT NULL,
  stage_delay_s     integer NOT NULL,
  items_in_flight   integer NOT NULL,
  credit_cap        bigint,                       -- of one run; null: none
  resumes_on_top_up boolean NOT NULL,
  active_hours_max  integer NOT NULL,
  version           bigint  NOT NULL,
  created_at        bigint  NOT NULL,
  updated_at        bigint  NOT NULL,
  CONSTRAINT automation_config_pkey                   PRIMARY KEY (site_id),
  CONSTRAINT automation_config_site_id_fkey           FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT automation_config_frequency_check        CHECK (frequency IN ('DAILY', 'WEEKLY')),
  CONSTRAINT automation_config_weekday_check          CHECK (weekday IN ('MONDAY', 'TUESDAY', 'WEDNESDAY', 'THURSDAY', 'FRIDAY', 'SATURDAY', 'SUNDAY')),
  CONSTRAINT automation_config_start_minute_check     CHECK (start_minute BETWEEN 0 AND 1439),
  CONSTRAINT automation_config_delay_check            CHECK (item_delay_s BETWEEN 0 AND 60 AND stage_delay_s BETWEEN 0 AND 60),
  CONSTRAINT automation_config_items_in_flight_check  CHECK (items_in_flight BETWEEN 1 AND 4),
  CONSTRAINT automation_config_credit_cap_check       CHECK (credit_cap BETWEEN 1 AND 1000000000000),
  CONSTRAINT automation_config_active_hours_max_check CHECK (active_hours_max BETWEEN 1 AND 168),
  CONSTRAINT automation_config_version_check          CHECK (version >= 1)
);

CREATE TABLE automation_run (
  id                uuid    NOT NULL,
  account_id        uuid    NOT NULL,
  site_id           uuid    NOT NULL,
  cause             text    NOT NULL,
  user_id           uuid,                         -- who started it; null for schedules
  source_run_id     uuid,                         -- for forks: whose products it is about
  from_stage        text,                         -- for forks: where it begins
  is_redo           boolean NOT NULL,             -- for forks: whether what is done is done again
  state             text    NOT NULL,
  desired           text    NOT NULL,
  fence             bigint  NOT NULL,
  event_seq         bigint  NOT NULL,
  config            text    NOT NULL,             -- the settings it started with, as JSON
  current_stage     text,
  pause_reason      text,                         -- while it pauses or is paused
  credits_next      bigint,                       -- for pauses for money: what the next hold takes, what is missing of it,
  credits_short     bigint,                       -- and what the rest of the stage takes
  credits_to_finish bigint,
  pauses            integer NOT NULL,             -- how often it was paused by itself
  credits_start     bigint  NOT NULL,             -- available when it started
  credits_used      bigint  NOT NULL,
  credits_committed bigint  NOT NULL,             -- used and held
  credit_cap        bigint,
  credit_limit      bigint  NOT NULL,             -- the cap, or more than there are credits
  active_us         bigint  NOT NULL,             -- how long it was at work, up to active_since
  active_since      bigint,                       -- since when it is; null while its time stands still
  error_code        text,
  error_text        text,
  created_at        bigint  NOT NULL,
  updated_at        bigint  NOT NULL,
  started_at        bigint,
  finished_at       bigint,
  CONSTRAINT automation_run_pkey               PRIMARY KEY (id),
  CONSTRAINT automation_run_site_id_fkey       FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT automation_run_source_run_id_fkey FOREIGN KEY (source_run_id) REFERENCES automation_run (id),
  CONSTRAINT automation_run_cause_check        CHECK (cause IN ('MANUAL', 'SCHEDULED', 'FORK')),
  CONSTRAINT automation_run_fork_check         CHECK ((cause = 'FORK') = (source_run_id IS NOT NULL) AND (cause = 'FORK') = (from_stage IS NOT NULL)),
  CONSTRAINT automation_run_state_check        CHECK (state IN ('PENDING', 'RUNNING', 'PAUSING', 'PAUSED', 'CANCELLING', 'CANCELLED', 'COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED')),
  CONSTRAINT automation_run_desired_check      CHECK (desired IN ('run', 'pause', 'cancel')),
  CONSTRAINT automation_run_pause_check        CHECK ((pause_reason IS NOT NULL) = (state IN ('PAUSING', 'PAUSED'))),
  CONSTRAINT automation_run_reason_check       CHECK (pause_reason IN ('USER', 'INSUFFICIENT_CREDITS', 'RUN_CAP', 'PROVIDER_DOWN', 'INTEGRATION_ERROR', 'ACCOUNT_SUSPENDED')),
  CONSTRAINT automation_run_finished_check     CHECK ((finished_at IS NOT NULL) = (state IN ('CANCELLED', 'COMPLETED', 'COMPLETED_WITH_ERRORS', 'FAILED'))),
  CONSTRAINT automation_run_active_check       CHECK (active_us >= 0 AND (active_since IS NULL OR state IN ('RUNNING', 'CANCELLING'))),
  CONSTRAINT automation_run_credits_check      CHECK (credits_used >= 0 AND credits_committed >= 0 AND credit_cap >= 1 AND (credit_cap IS NULL OR credit_cap = credit_limit))
);
CREATE UNIQUE INDEX automation_run_site_id_key ON automation_run (site_id) WHERE finished_at IS NULL;
CREATE INDEX automation_run_site_id_idx ON automation_run (site_id, id);
CREATE INDEX automation_run_unfinished_idx ON automation_run (id) WHERE finished_at IS NULL;

CREATE TABLE automation_command (                 -- what a key was used for
  account_id   uuid   NOT NULL,
  idem_key     text   NOT NULL,
  request_hash bytea  NOT NULL,
  run_id       uuid   NOT NULL,
  created_at   bigint NOT NULL,
  CONSTRAINT automation_command_pkey        PRIMARY KEY (account_id, idem_key),
  CONSTRAINT automation_command_run_id_fkey FOREIGN KEY (run_id) REFERENCES automation_run (id)
);

CREATE TABLE automation_stage (                   -- how far a run's stage is
  run_id       uuid    NOT NULL,
  stage        text    NOT NULL,
  position     integer NOT NULL,
  account_id   uuid    NOT NULL,
  status       text    NOT NULL,
  total        integer NOT NULL,                  -- fixed when it starts
  succeeded    integer NOT NULL,
  failed       integer NOT NULL,
  skipped      integer NOT NULL,
  credits_used bigint  NOT NULL,
  last_error   text,                              -- a code
  ai_task_id   uuid,
  started_at   bigint,
  finished_at  bigint,
  CONSTRAINT automation_stage_pkey            PRIMARY KEY (run_id, stage),
  CONSTRAINT automation_stage_run_id_fkey     FOREIGN KEY (run_id) REFERENCES automation_run (id),
  CONSTRAINT automation_stage_stage_check     CHECK (stage IN ('CLUSTER', 'IDEAS', 'CONTENT_TASKS', 'CONTENT', 'IMAGE_PROMPTS', 'IMAGES', 'REVIEW')),
  CONSTRAINT automation_stage_position_check  CHECK (position BETWEEN 1 AND 7),
  CONSTRAINT automation_stage_status_check    CHECK (status IN ('PENDING', 'RUNNING', 'PAUSED', 'COMPLETED', 'SKIPPED', 'FAILED')),
  CONSTRAINT automation_stage_total_check     CHECK (succeeded >= 0 AND failed >= 0 AND skipped >= 0 AND succeeded + failed + skipped <= total),
  CONSTRAINT automation_stage_started_check   CHECK (status IN ('PENDING', 'SKIPPED', 'FAILED') OR started_at IS NOT NULL),
  CONSTRAINT automation_stage_finished_check  CHECK ((finished_at IS NOT NULL) = (status IN ('COMPLETED', 'SKIPPED', 'FAILED')))
);

CREATE TABLE automation_item (                    -- one of the fixed set that a stage is about
  run_id      uuid    NOT NULL,
  stage       text    NOT NULL,
  position    integer NOT NULL,                   -- 0, 1, 2 …
  account_id  uuid    NOT NULL,
  subject_id  uuid    NOT NULL,                   -- a keyword, cluster, idea, content task, content or place for an image
  group_id    uuid,                               -- items of different groups are never in one batch
  state       text    NOT NULL,
  error_code  text,
  started_at  bigint,
  finished_at bigint,
  CONSTRAINT automation_item_pkey           PRIMARY KEY (run_id, stage, position),
  CONSTRAINT automation_item_subject_key    UNIQUE (run_id, stage, subject_id),
  CONSTRAINT automation_item_stage_fkey     FOREIGN KEY (run_id, stage) REFERENCES automation_stage (run_id, stage),
  CONSTRAINT automation_item_state_check    CHECK (state IN ('PENDING', 'RUNNING', 'SUCCEEDED', 'FAILED', 'SKIPPED')),
  CONSTRAINT automation_item_finished_check CHECK ((finished_at IS NULL) = (state IN ('PENDING', 'RUNNING')))
);
CREATE INDEX automation_item_open_idx ON automation_item (run_id, stage, position) WHERE state IN ('PENDING', 'RUNNING');

CREATE TABLE automation_product (                 -- what a run's stage made; a fork is about nothing else
  run_id     uuid NOT NULL,
  stage      text NOT NULL,
  subject_id uuid NOT NULL,
  account_id uuid NOT NULL,
  CONSTRAINT automation_product_pkey       PRIMARY KEY (run_id, stage, subject_id),
  CONSTRAINT automation_product_stage_fkey FOREIGN KEY (run_id, stage) REFERENCES automation_stage (run_id, stage)
);

CREATE TABLE schedule (                           -- when something falls due again and again
  id           uuid   NOT NULL,
  account_id   uuid   NOT NULL,
  subject_kind text   NOT NULL,
  subject_id   uuid   NOT NULL,
  cron         text   NOT NULL,                   -- minute, hour, *, *, and * or the day of the week: Monday is 1
  time_zone    text   NOT NULL,                   -- in which next_at was reckoned
  catch_up     text   NOT NULL,                   -- what becomes of firings that were missed
  state        text   NOT NULL,
  next_at      bigint,                            -- null while it is off
  created_at   bigint NOT NULL,
  updated_at   bigint NOT NULL,
  CONSTRAINT schedule_pkey           PRIMARY KEY (id),
  CONSTRAINT schedule_subject_key    UNIQUE (subject_kind, subject_id),
  CONSTRAINT schedule_catch_up_check CHECK (catch_up IN ('skip', 'once', 'all')),
  CONSTRAINT schedule_state_check    CHECK (state IN ('on', 'off')),
  CONSTRAINT schedule_next_at_check  CHECK ((state = 'on') = (next_at IS NOT NULL))
);
CREATE INDEX schedule_next_at_idx ON schedule (next_at) WHERE state = 'on';

CREATE TABLE schedule_firing (                    -- single by its key, whatever processes and clocks do
  schedule_id uuid   NOT NULL,
  due_at      bigint NOT NULL,
  account_id  uuid   NOT NULL,
  outcome     text   NOT NULL,
  run_id      uuid,
  job_id      uuid,
  fired_at    bigint NOT NULL,
  CONSTRAINT schedule_firing_pkey             PRIMARY KEY (schedule_id, due_at),
  CONSTRAINT schedule_firing_schedule_id_fkey FOREIGN KEY (schedule_id) REFERENCES schedule (id),
  CONSTRAINT schedule_firing_outcome_check    CHECK (outcome IN ('fired', 'skipped_active', 'skipped_off')),
  CONSTRAINT schedule_firing_job_check        CHECK ((outcome = 'fired') = (job_id IS NOT NULL) AND (outcome = 'fired') = (run_id IS NOT NULL))
);
CREATE INDEX schedule_firing_fired_at_idx ON schedule_firing (fired_at);
