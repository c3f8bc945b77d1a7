-- Flags that were set at run time. A flag without a row is what the environment or its default says.
-- Conventions as in ledger.sql.

CREATE TABLE flag_override (
  name       text    NOT NULL,                     -- as in the table of flags, such as cloudServices
  is_on      boolean NOT NULL,
  reason     text    NOT NULL,
  actor_kind text    NOT NULL,
  actor_id   uuid,                                 -- null: the operator on the host
  set_at     bigint  NOT NULL,
  expires_at bigint,                               -- from then on it counts no more; null: until it is cleared
  CONSTRAINT flag_override_pkey             PRIMARY KEY (name),
  CONSTRAINT flag_override_actor_kind_check CHECK (actor_kind IN ('user', 'admin', 'system')),
  CONSTRAINT flag_override_expires_at_check CHECK (expires_at IS NULL OR expires_at > set_at)
);
