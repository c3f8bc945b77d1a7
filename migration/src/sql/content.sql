-- What content needs to be searched, and to be changed by several at once. Conventions as in ledger.sql.

ALTER TABLE content ADD COLUMN title_key text NOT NULL DEFAULT '';     -- what searches look at
ALTER TABLE content ADD COLUMN image_seq bigint NOT NULL DEFAULT 0;    -- raised by every change of its places for images
ALTER TABLE site ADD COLUMN slot_seq bigint NOT NULL DEFAULT 0;        -- raised by everybody who takes a slot
CREATE INDEX content_site_id_slot_at_idx ON content (site_id, slot_at) WHERE slot_at IS NOT NULL;
CREATE INDEX content_site_id_published_at_idx ON content (site_id, published_at) WHERE published_at IS NOT NULL;
