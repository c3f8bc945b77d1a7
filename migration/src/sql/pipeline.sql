-- Sites, sectors, clusters, keywords, ideas, content tasks and content. Conventions as in ledger.sql.
-- `bucket_id` is the sector, or the site where there is none: "no sector" counts as one value in every key.

CREATE TABLE site (                               -- what content is made for
  id             uuid    NOT NULL,
  account_id     uuid    NOT NULL,
  name           text    NOT NULL,
  domain         text    NOT NULL,                -- a host name, lower case
  time_zone      text    NOT NULL,                -- by its IANA name
  language       text    NOT NULL,                -- a BCP 47 tag
  audience       text,                            -- whom its content is for
  is_active      boolean NOT NULL,
  auto_approve   boolean NOT NULL,
  auto_schedule  boolean NOT NULL,
  slot_interval  text    NOT NULL,
  publish_minute integer NOT NULL,                -- of the local day
  weekdays       integer NOT NULL,                -- a set: Monday is 1, Tuesday 2, … Sunday 64
  month_day      integer NOT NULL,
  posts_per_day  integer NOT NULL,
  version        bigint  NOT NULL,
  created_at     bigint  NOT NULL,
  updated_at     bigint  NOT NULL,
  CONSTRAINT site_pkey                  PRIMARY KEY (id),
  CONSTRAINT site_account_id_domain_key UNIQUE (account_id, domain),
  CONSTRAINT site_account_id_fkey       FOREIGN KEY (account_id) REFERENCES account (id),
  CONSTRAINT site_name_check            CHECK (length(name) BETWEEN 1 AND 100),
  CONSTRAINT site_domain_check          CHECK (length(domain) BETWEEN 1 AND 253),
  CONSTRAINT site_audience_check        CHECK (length(audience) BETWEEN 1 AND 500),
  CONSTRAINT site_slot_interval_check   CHECK (slot_interval IN ('DAILY', 'EVERY_2_DAYS', 'EVERY_3_DAYS', 'WEEKLY', 'BIWEEKLY', 'MONTHLY')),
  CONSTRAINT site_publish_minute_check  CHECK (publish_minute BETWEEN 0 AND 1439),
  CONSTRAINT site_weekdays_check        CHECK (weekdays BETWEEN 1 AND 127),
  CONSTRAINT site_month_day_check       CHECK (month_day BETWEEN 1 AND 31),
  CONSTRAINT site_posts_per_day_check   CHECK (posts_per_day BETWEEN 1 AND 50)
);
CREATE INDEX site_account_id_idx ON site (account_id, id);

CREATE TABLE sector (                             -- a part of a site
  id         uuid    NOT NULL,
  account_id uuid    NOT NULL,
  site_id    uuid    NOT NULL,
  name       text    NOT NULL,
  slug       text    NOT NULL,
  is_active  boolean NOT NULL,
  created_at bigint  NOT NULL,
  updated_at bigint  NOT NULL,
  CONSTRAINT sector_pkey             PRIMARY KEY (id),
  CONSTRAINT sector_site_id_id_key   UNIQUE (site_id, id),
  CONSTRAINT sector_site_id_slug_key UNIQUE (site_id, slug),
  CONSTRAINT sector_site_id_fkey     FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT sector_name_check       CHECK (length(name) BETWEEN 1 AND 100),
  CONSTRAINT sector_slug_check       CHECK (length(slug) BETWEEN 1 AND 100)
);

CREATE TABLE cluster (                            -- keywords that one piece of content can serve
  id           uuid   NOT NULL,
  account_id   uuid   NOT NULL,
  site_id      uuid   NOT NULL,
  sector_id    uuid,
  bucket_id    uuid   NOT NULL,
  name         text   NOT NULL,
  name_key     text   NOT NULL,                   -- NFC, trimmed, blanks collapsed, lower case
  root_keyword text,
  description  text,
  cluster_type text   NOT NULL,
  intent       text,
  state        text   NOT NULL,
  created_at   bigint NOT NULL,
  updated_at   bigint NOT NULL,
  CONSTRAINT cluster_pkey                   PRIMARY KEY (id),
  CONSTRAINT cluster_bucket_id_name_key_key UNIQUE (bucket_id, name_key),
  CONSTRAINT cluster_site_id_fkey           FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT cluster_sector_id_fkey         FOREIGN KEY (site_id, sector_id) REFERENCES sector (site_id, id),
  CONSTRAINT cluster_bucket_id_check        CHECK (bucket_id = COALESCE(sector_id, site_id)),
  CONSTRAINT cluster_name_check             CHECK (length(name) BETWEEN 1 AND 200),
  CONSTRAINT cluster_cluster_type_check     CHECK (cluster_type IN ('PAGE', 'BLOG', 'CATEGORY', 'PRODUCT')),
  CONSTRAINT cluster_intent_check           CHECK (intent IN ('INFORMATIONAL', 'NAVIGATIONAL', 'COMMERCIAL', 'TRANSACTIONAL')),
  CONSTRAINT cluster_state_check            CHECK (state IN ('NEW', 'MAPPED', 'FINALIZED'))
);
CREATE INDEX cluster_site_id_idx ON cluster (site_id, id);
CREATE INDEX cluster_site_id_state_idx ON cluster (site_id, state, id);

CREATE TABLE keyword (
  id          uuid    NOT NULL,
  account_id  uuid    NOT NULL,
  site_id     uuid    NOT NULL,
  sector_id   uuid,
  bucket_id   uuid    NOT NULL,
  text        text    NOT NULL,
  text_key    text    NOT NULL,                   -- NFC, trimmed, blanks collapsed, lower case
  country     text    NOT NULL,                   -- two capital letters, or empty: no country
  volume      bigint,                             -- searches a month
  cpc_nanousd bigint,                             -- what a click costs advertisers
  difficulty  integer,
  intent      text,
  state       text    NOT NULL,
  cluster_id  uuid,
  created_at  bigint  NOT NULL,
  updated_at  bigint  NOT NULL,
  CONSTRAINT keyword_pkey                           PRIMARY KEY (id),
  CONSTRAINT keyword_bucket_id_text_key_country_key UNIQUE (bucket_id, text_key, country),
  CONSTRAINT keyword_site_id_fkey                   FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT keyword_sector_id_fkey                 FOREIGN KEY (site_id, sector_id) REFERENCES sector (site_id, id),
  CONSTRAINT keyword_cluster_id_fkey                FOREIGN KEY (cluster_id) REFERENCES cluster (id),
  CONSTRAINT keyword_bucket_id_check                CHECK (bucket_id = COALESCE(sector_id, site_id)),
  CONSTRAINT keyword_text_check                     CHECK (length(text) BETWEEN 1 AND 200),
  CONSTRAINT keyword_country_check                  CHECK (length(country) IN (0, 2)),
  CONSTRAINT keyword_volume_check                   CHECK (volume >= 0),
  CONSTRAINT keyword_cpc_nanousd_check              CHECK (cpc_nanousd >= 0),
  CONSTRAINT keyword_difficulty_check               CHECK (difficulty BETWEEN 0 AND 100),
  CONSTRAINT keyword_intent_check                   CHECK (intent IN ('INFORMATIONAL', 'NAVIGATIONAL', 'COMMERCIAL', 'TRANSACTIONAL')),
  CONSTRAINT keyword_state_check                    CHECK (state IN ('NEW', 'CLUSTERED', 'IN_USE', 'ORPHANED', 'ARCHIVED')),
  CONSTRAINT keyword_cluster_id_state_check         CHECK ((cluster_id IS NOT NULL) = (state IN ('CLUSTERED', 'IN_USE')))
);
CREATE INDEX keyword_site_id_idx ON keyword (site_id, id);
CREATE INDEX keyword_site_id_state_idx ON keyword (site_id, state, id);
CREATE INDEX keyword_cluster_id_idx ON keyword (cluster_id) WHERE cluster_id IS NOT NULL;

CREATE TABLE idea (                               -- something that could be written for a cluster
  id              uuid    NOT NULL,
  account_id      uuid    NOT NULL,
  site_id         uuid    NOT NULL,
  sector_id       uuid,
  cluster_id      uuid    NOT NULL,
  title           text    NOT NULL,
  title_key       text    NOT NULL,
  outline         text    NOT NULL,
  target_keywords text    NOT NULL,               -- a JSON list of texts
  content_type    text    NOT NULL,
  target_words    integer NOT NULL,
  state           text    NOT NULL,
  created_at      bigint  NOT NULL,
  updated_at      bigint  NOT NULL,
  CONSTRAINT idea_pkey                     PRIMARY KEY (id),
  CONSTRAINT idea_cluster_id_title_key_key UNIQUE (cluster_id, title_key),
  CONSTRAINT idea_site_id_fkey             FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT idea_sector_id_fkey           FOREIGN KEY (site_id, sector_id) REFERENCES sector (site_id, id),
  CONSTRAINT idea_cluster_id_fkey          FOREIGN KEY (cluster_id) REFERENCES cluster (id),
  CONSTRAINT idea_title_check              CHECK (length(title) BETWEEN 1 AND 200),
  CONSTRAINT idea_content_type_check       CHECK (content_type IN ('PAGE', 'BLOG', 'CATEGORY', 'PRODUCT')),
  CONSTRAINT idea_target_words_check       CHECK (target_words BETWEEN 50 AND 10000),
  CONSTRAINT idea_state_check              CHECK (state IN ('NEW', 'QUEUED', 'COMPLETED', 'REJECTED'))
);
CREATE INDEX idea_site_id_idx ON idea (site_id, id);
CREATE INDEX idea_site_id_state_idx ON idea (site_id, state, id);

CREATE TABLE content_task (                       -- something that is to be written
  id           uuid    NOT NULL,
  account_id   uuid    NOT NULL,
  site_id      uuid    NOT NULL,
  sector_id    uuid,
  idea_id      uuid,
  cluster_id   uuid,
  title        text    NOT NULL,
  title_key    text    NOT NULL DEFAULT '',       -- what searches look at
  outline      text    NOT NULL,
  keywords     text    NOT NULL,                  -- a JSON list of texts
  content_type text    NOT NULL,
  target_words integer NOT NULL,
  priority     integer NOT NULL,                  -- the higher, the sooner
  tries        integer NOT NULL,                  -- how often writing it failed
  state        text    NOT NULL,
  created_at   bigint  NOT NULL,
  updated_at   bigint  NOT NULL,
  CONSTRAINT content_task_pkey               PRIMARY KEY (id),
  CONSTRAINT content_task_idea_id_key        UNIQUE (idea_id),
  CONSTRAINT content_task_site_id_fkey       FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT content_task_sector_id_fkey     FOREIGN KEY (site_id, sector_id) REFERENCES sector (site_id, id),
  CONSTRAINT content_task_idea_id_fkey       FOREIGN KEY (idea_id) REFERENCES idea (id),
  CONSTRAINT content_task_cluster_id_fkey    FOREIGN KEY (cluster_id) REFERENCES cluster (id),
  CONSTRAINT content_task_title_check        CHECK (length(title) BETWEEN 1 AND 200),
  CONSTRAINT content_task_content_type_check CHECK (content_type IN ('PAGE', 'BLOG', 'CATEGORY', 'PRODUCT')),
  CONSTRAINT content_task_target_words_check CHECK (target_words BETWEEN 50 AND 10000),
  CONSTRAINT content_task_priority_check     CHECK (priority BETWEEN -100 AND 100),
  CONSTRAINT content_task_tries_check        CHECK (tries BETWEEN 0 AND 4),
  CONSTRAINT content_task_state_check        CHECK (state IN ('QUEUED', 'IN_PROGRESS', 'COMPLETED', 'FAILED'))
);
CREATE INDEX content_task_site_id_idx ON content_task (site_id, id);
CREATE INDEX content_task_site_id_state_idx ON content_task (site_id, state, id);

CREATE TABLE content (                            -- an article as it is now; how it was is in content_revision
  id                    uuid    NOT NULL,
  account_id            uuid    NOT NULL,
  site_id               uuid    NOT NULL,
  sector_id             uuid,
  content_task_id       uuid,
  cluster_id            uuid,
  content_type          text    NOT NULL,
  title                 text    NOT NULL,
  slug                  text    NOT NULL,
  html                  text    NOT NULL,
  excerpt               text    NOT NULL,
  meta_title            text    NOT NULL,
  meta_description      text    NOT NULL,
  keywords              text    NOT NULL,         -- a JSON list of texts
  categories            text    NOT NULL,         -- a JSON list of texts
  tags                  text    NOT NULL,         -- a JSON list of texts
  words                 integer NOT NULL,
  score                 integer,                  -- of the last optimisation
  version               integer NOT NULL,
  is_sandbox            boolean NOT NULL,
  prompts_made_at       bigint,                   -- when its image prompts were written
  state                 text    NOT NULL,
  review_note           text,
  approved_at           bigint,
  approved_by           uuid,                     -- null where it was approved automatically
  approved_source       text,
  approval_blocked_by   text,
  slot_at               bigint,
  slot_source           text,
  schedule_blocked_by   text,
  published_at          bigint,
  created_at            bigint  NOT NULL,
  updated_at            bigint  NOT NULL,
  CONSTRAINT content_pkey                      PRIMARY KEY (id),
  CONSTRAINT content_content_task_id_key       UNIQUE (content_task_id),
  CONSTRAINT content_site_id_slug_key          UNIQUE (site_id, slug),
  CONSTRAINT content_site_id_fkey              FOREIGN KEY (site_id) REFERENCES site (id),
  CONSTRAINT content_sector_id_fkey            FOREIGN KEY (site_id, sector_id) REFERENCES sector (site_id, id),
  CONSTRAINT content_content_task_id_fkey      FOREIGN KEY (content_task_id) REFERENCES content_task (id),
  CONSTRAINT content_cluster_id_fkey           FOREIGN KEY (cluster_id) REFERENCES cluster (id),
  CONSTRAINT content_content_type_check        CHECK (content_type IN ('PAGE', 'BLOG', 'CATEGORY', 'PRODUCT')),
  CONSTRAINT content_title_check               CHECK (length(title) BETWEEN 1 AND 200),
  CONSTRAINT content_slug_check                CHECK (length(slug) BETWEEN 1 AND 200),
  CONSTRAINT content_meta_title_check          CHECK (length(meta_title) <= 60),
  CONSTRAINT content_meta_description_check    CHECK (length(meta_description) <= 160),
  CONSTRAINT content_version_check             CHECK (version >= 1),
  CONSTRAINT content_state_check               CHECK (state IN ('DRAFT', 'REVIEW', 'APPROVED', 'SCHEDULED', 'PUBLISHING', 'PUBLISHED', 'FAILED', 'UNCERTAIN', 'ARCHIVED')),
  CONSTRAINT content_approved_source_check     CHECK (approved_source IN ('AUTO', 'MEMBER') AND (approved_source IS NULL) = (approved_at IS NULL) AND (approved_by IS NULL OR approved_source = 'MEMBER')),
  CONSTRAINT content_approval_blocked_by_check CHECK (approval_blocked_by IN ('FEATURED_IMAGE')),
  CONSTRAINT content_slot_source_check         CHECK (slot_source IN ('AUTO', 'MANUAL') AND (slot_source IS NULL) = (slot_at IS NULL)),
  CONSTRAINT content_schedule_blocked_by_check CHECK (schedule_blocked_by IN ('NO_SLOT')),
  CONSTRAINT content_slot_state_check          CHECK (state NOT IN ('SCHEDULED', 'PUBLISHING', 'UNCERTAIN') OR slot_at IS NOT NULL),
  CONSTRAINT content_approved_state_check      CHECK (state NOT IN ('APPROVED', 'SCHEDULED', 'PUBLISHING', 'PUBLISHED', 'UNCERTAIN') OR approved_at IS NOT NULL),
  CONSTRAINT content_published_state_check     CHECK ((state = 'PUBLISHED') = (published_at IS NOT NULL))
);
CREATE INDEX content_site_id_idx ON content (site_id, id);
CREATE INDEX content_site_id_state_idx ON content (site_id, state, id);
CREATE UNIQUE INDEX content_site_id_slot_at_key ON content (site_id, slot_at) WHERE state IN ('SCHEDULED', 'PUBLISHING', 'UNCERTAIN');

CREATE TABLE content_revision (                   -- immutable
  content_id       uuid    NOT NULL,
  version          integer NOT NULL,
  cause            text    NOT NULL,
  title            text    NOT NULL,
  html             text    NOT NULL,
  excerpt          text    NOT NULL,
  meta_title       text    NOT NULL,
  meta_description text    NOT NULL,
  words            integer NOT NULL,
  author_id        uuid,                          -- null where a function wrote it
  ai_task_id       uuid,
  created_at       bigint  NOT NULL,
  CONSTRAINT content_revision_pkey            PRIMARY KEY (content_id, version),
  CONSTRAINT content_revision_content_id_fkey FOREIGN KEY (content_id) REFERENCES content (id),
  CONSTRAINT content_revision_cause_check     CHECK (cause IN ('GENERATED', 'EDITED', 'OPTIMIZED'))
);

CREATE TABLE content_image (                      -- a place for an image in a content, and what is in it
  id         uuid    NOT NULL,
  account_id uuid    NOT NULL,
  site_id    uuid    NOT NULL,
  content_id uuid    NOT NULL,
  kind       text    NOT NULL,
  position   integer NOT NULL,
  prompt     text    NOT NULL,
  alt_text   text    NOT NULL,
  state      text    NOT NULL,
  image_id   uuid,
  error_code text,
  created_at bigint  NOT NULL,
  updated_at bigint  NOT NULL,
  CONSTRAINT content_image_pkey                         PRIMARY KEY (id),
  CONSTRAINT content_image_content_id_kind_position_key UNIQUE (content_id, kind, position),
  CONSTRAINT content_image_content_id_fkey              FOREIGN KEY (content_id) REFERENCES content (id),
  CONSTRAINT content_image_image_id_fkey                FOREIGN KEY (image_id) REFERENCES image (id),
  CONSTRAINT content_image_kind_check                   CHECK (kind IN ('FEATURED', 'IN_ARTICLE')),
  CONSTRAINT content_image_position_check               CHECK (position BETWEEN 0 AND 5),
  CONSTRAINT content_image_state_check                  CHECK (state IN ('PENDING', 'GENERATING', 'GENERATED', 'FAILED', 'UNCERTAIN')),
  CONSTRAINT content_image_generated_check              CHECK ((state = 'GENERATED') = (image_id IS NOT NULL))
);
CREATE INDEX content_image_site_id_state_idx ON content_image (site_id, state, id);
