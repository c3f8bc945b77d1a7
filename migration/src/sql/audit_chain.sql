-- The chain over the audit trail: rows are sealed after they were written, so that no act waits for another one's.
-- Conventions as in ledger.sql. docs/proof.md says what is hashed. A long trail takes longer than a statement may.
--pg:SET LOCAL statement_timeout = 0;

CREATE TABLE audit_link (                          -- a sealed row of the trail
  number    bigint NOT NULL,                       -- 1, 2, 3 ... without gap
  entry_id  uuid   NOT NULL,
  words     bytea  NOT NULL,                       -- hash of salt, before and after
  salt      bytea,                                 -- null once the words were erased: nobody can try words against their hash then
  hash      bytea  NOT NULL,                       -- of the link before it and this row
  sealed_at bigint NOT NULL,
  CONSTRAINT audit_link_pkey         PRIMARY KEY (number),
  CONSTRAINT audit_link_entry_id_key UNIQUE (entry_id),
  CONSTRAINT audit_link_number_check CHECK (number >= 1),
  CONSTRAINT audit_link_hash_check   CHECK (length(hash) = 32 AND length(words) = 32 AND (salt IS NULL OR length(salt) = 16))
);

CREATE TABLE audit_unsealed (                      -- rows that wait to be sealed; written by trigger with the row itself
  entry_id uuid NOT NULL,
  CONSTRAINT audit_unsealed_pkey PRIMARY KEY (entry_id)
);
INSERT INTO audit_unsealed (entry_id) SELECT id FROM audit_entry;

CREATE INDEX audit_entry_actor_id_idx   ON audit_entry (actor_id, at)   WHERE actor_id IS NOT NULL;
CREATE INDEX audit_entry_target_id_idx  ON audit_entry (target_id, at)  WHERE target_id IS NOT NULL;
CREATE INDEX audit_entry_account_id_idx ON audit_entry (account_id, at) WHERE account_id IS NOT NULL;

-- Nothing of a row is ever changed, but for the words of a person who is erased, which go; and nothing is ever deleted.
--sqlite: CREATE TRIGGER audit_entry_queue AFTER INSERT ON audit_entry BEGIN INSERT INTO audit_unsealed (entry_id) VALUES (NEW.id); END;
--sqlite: CREATE TRIGGER audit_entry_no_delete BEFORE DELETE ON audit_entry BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
--sqlite: CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry WHEN NEW.before IS NOT NULL OR NEW.after IS NOT NULL OR NEW.id IS NOT OLD.id OR NEW.account_id IS NOT OLD.account_id OR NEW.actor_kind IS NOT OLD.actor_kind OR NEW.actor_id IS NOT OLD.actor_id OR NEW.action IS NOT OLD.action OR NEW.target_kind IS NOT OLD.target_kind OR NEW.target_id IS NOT OLD.target_id OR NEW.request_id IS NOT OLD.request_id OR NEW.at IS NOT OLD.at BEGIN SELECT RAISE(ABORT, 'audit_entry is append-only'); END;
--sqlite: CREATE TRIGGER audit_link_no_delete BEFORE DELETE ON audit_link BEGIN SELECT RAISE(ABORT, 'audit_link is append-only'); END;
--sqlite: CREATE TRIGGER audit_link_no_update BEFORE UPDATE ON audit_link WHEN NEW.salt IS NOT NULL OR NEW.number IS NOT OLD.number OR NEW.entry_id IS NOT OLD.entry_id OR NEW.words IS NOT OLD.words OR NEW.hash IS NOT OLD.hash OR NEW.sealed_at IS NOT OLD.sealed_at BEGIN SELECT RAISE(ABORT, 'audit_link is append-only'); END;
--pg: CREATE FUNCTION audit_entry_queue() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO audit_unsealed (entry_id) VALUES (NEW.id); RETURN NULL; END';
--pg: CREATE TRIGGER audit_entry_queue AFTER INSERT ON audit_entry FOR EACH ROW EXECUTE FUNCTION audit_entry_queue();
--pg: CREATE TRIGGER audit_entry_no_delete BEFORE DELETE OR TRUNCATE ON audit_entry FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
--pg: CREATE TRIGGER audit_entry_no_update BEFORE UPDATE ON audit_entry FOR EACH ROW WHEN (NEW.before IS NOT NULL OR NEW.after IS NOT NULL OR NEW.id IS DISTINCT FROM OLD.id OR NEW.account_id IS DISTINCT FROM OLD.account_id OR NEW.actor_kind IS DISTINCT FROM OLD.actor_kind OR NEW.actor_id IS DISTINCT FROM OLD.actor_id OR NEW.action IS DISTINCT FROM OLD.action OR NEW.target_kind IS DISTINCT FROM OLD.target_kind OR NEW.target_id IS DISTINCT FROM OLD.target_id OR NEW.request_id IS DISTINCT FROM OLD.request_id OR NEW.at IS DISTINCT FROM OLD.at) EXECUTE FUNCTION ledger_append_only();
--pg: CREATE TRIGGER audit_link_no_delete BEFORE DELETE OR TRUNCATE ON audit_link FOR EACH STATEMENT EXECUTE FUNCTION ledger_append_only();
--pg: CREATE TRIGGER audit_link_no_update BEFORE UPDATE ON audit_link FOR EACH ROW WHEN (NEW.salt IS NOT NULL OR NEW.number IS DISTINCT FROM OLD.number OR NEW.entry_id IS DISTINCT FROM OLD.entry_id OR NEW.words IS DISTINCT FROM OLD.words OR NEW.hash IS DISTINCT FROM OLD.hash OR NEW.sealed_at IS DISTINCT FROM OLD.sealed_at) EXECUTE FUNCTION ledger_append_only();
