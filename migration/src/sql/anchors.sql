-- Anchors of the ledger: signed lines that go to a file outside the database, as they were written, and what they cover.
-- Conventions as in ledger.sql.

CREATE TABLE ledger_anchor (                      -- one signed line
  number    bigint  NOT NULL,                     -- 1, 2, 3 ... without gap; part of every line
  base      bigint  NOT NULL,                     -- the anchor that this one continues: the one before, or an earlier one after a restore
  epoch     bigint  NOT NULL,
  at        bigint  NOT NULL,
  prev_hash bytea   NOT NULL,
  root      bytea   NOT NULL,
  hash      bytea   NOT NULL,
  key_name  text    NOT NULL,
  signature bytea   NOT NULL,
  heads     bytea   NOT NULL,                     -- the leaves, 56 bytes each: account, sequence, hash
  is_void   boolean NOT NULL DEFAULT false,       -- what it covers was lost with a restore
  stored_at bigint,                               -- when the line was in the object store
  CONSTRAINT ledger_anchor_pkey            PRIMARY KEY (number),
  CONSTRAINT ledger_anchor_number_check    CHECK (number >= 1 AND base BETWEEN 0 AND number - 1),
  CONSTRAINT ledger_anchor_epoch_check     CHECK (epoch >= 1),
  CONSTRAINT ledger_anchor_hash_check      CHECK (length(prev_hash) = 32 AND length(root) = 32 AND length(hash) = 32),
  CONSTRAINT ledger_anchor_signature_check CHECK (length(signature) = 64)
);
CREATE INDEX ledger_anchor_unstored_idx ON ledger_anchor (number) WHERE stored_at IS NULL;

CREATE TABLE ledger_anchored_head (               -- a transaction that is a leaf of an anchor
  account_id    uuid   NOT NULL,
  seq           bigint NOT NULL,
  anchor_number bigint NOT NULL,
  CONSTRAINT ledger_anchored_head_pkey               PRIMARY KEY (account_id, seq),
  CONSTRAINT ledger_anchored_head_anchor_number_fkey FOREIGN KEY (anchor_number) REFERENCES ledger_anchor (number)
);
