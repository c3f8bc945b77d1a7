-- What an image shows, who may see it, what stands beside it, and objects whose bytes are to go. Conventions as in ledger.sql.

ALTER TABLE account ADD COLUMN watermark_text text CONSTRAINT account_watermark_text_check CHECK (length(watermark_text) BETWEEN 1 AND 80);
ALTER TABLE account ADD COLUMN is_watermarked boolean NOT NULL DEFAULT FALSE;

ALTER TABLE image ADD COLUMN visibility text NOT NULL DEFAULT 'PRIVATE' CONSTRAINT image_visibility_check CHECK (visibility IN ('PRIVATE', 'PUBLIC'));
ALTER TABLE image ADD COLUMN is_hidden boolean NOT NULL DEFAULT FALSE;          -- by a moderator: others do not see it, whatever its visibility
ALTER TABLE image ADD COLUMN original_id uuid CONSTRAINT image_original_id_fkey REFERENCES image (id);
ALTER TABLE image ADD COLUMN is_enlarged boolean NOT NULL DEFAULT FALSE;        -- what an enlargement's rows are guarded by: false until one is there
ALTER TABLE image ADD COLUMN watermark text;                                    -- what it is marked with, for ever; its clean original is never shown
ALTER TABLE image ADD COLUMN placeholder text;                                  -- ThumbHash, base64
ALTER TABLE image ADD COLUMN alt_text text;
ALTER TABLE image ADD COLUMN event_type text;
ALTER TABLE image ADD COLUMN style text;
ALTER TABLE image ADD COLUMN ratio text;
ALTER TABLE image ADD COLUMN quality text;
ALTER TABLE image ADD COLUMN deleted_at bigint;                                 -- the row stays for the records, without prompt and objects
CREATE UNIQUE INDEX image_original_id_key ON image (original_id) WHERE deleted_at IS NULL;
CREATE INDEX image_account_id_present_idx ON image (account_id, id) WHERE deleted_at IS NULL;
CREATE INDEX app_user_deleted_idx ON app_user (id) WHERE deleted_at IS NOT NULL;

CREATE TABLE image_variant (                      -- an object beside the original, or why there is none
  image_id   uuid   NOT NULL,
  variant    text   NOT NULL,
  object_key text,                                -- as in stored_object, which has its type and size
  width      integer,
  height     integer,
  failure    text,
  created_at bigint NOT NULL,
  CONSTRAINT image_variant_pkey           PRIMARY KEY (image_id, variant),
  CONSTRAINT image_variant_object_key_key UNIQUE (object_key),
  CONSTRAINT image_variant_image_id_fkey  FOREIGN KEY (image_id) REFERENCES image (id),
  CONSTRAINT image_variant_variant_check  CHECK (variant IN ('w320', 'w640', 'w1280', 'webp', 'marked')),
  CONSTRAINT image_variant_made_check     CHECK ((object_key IS NULL) = (failure IS NOT NULL)
    AND (object_key IS NULL) = (width IS NULL) AND (object_key IS NULL) = (height IS NULL)),
  CONSTRAINT image_variant_size_check     CHECK (width >= 1 AND height >= 1)
);

CREATE TABLE object_purge (                       -- objects that nothing points to any more; their bytes go, then their rows
  object_key text   NOT NULL,
  store      text   NOT NULL,
  marked_at  bigint NOT NULL,
  CONSTRAINT object_purge_pkey PRIMARY KEY (object_key)
);
CREATE INDEX object_purge_marked_at_idx ON object_purge (marked_at);
CREATE INDEX stored_object_account_id_idx ON stored_object (account_id);
