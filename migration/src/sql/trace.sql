-- Listing an account's holds from the newest, those of one run alone, and finding what gave a charge back. The first two end
-- in the id, since one transaction may open many holds. Conventions as in ledger.sql.

CREATE INDEX credit_hold_account_id_opened_seq_idx ON credit_hold (account_id, opened_seq, id);
CREATE INDEX credit_hold_run_id_idx ON credit_hold (run_id, opened_seq, id) WHERE run_id IS NOT NULL;
CREATE INDEX credit_grant_refunds_seq_idx ON credit_grant (account_id, refunds_seq) WHERE refunds_seq IS NOT NULL;

-- AI work on content that leaves no version of it: image prompts and images. Written with what the work made, so that it is
-- known which credits went there after an image was drawn again.
CREATE TABLE content_work (                       -- immutable; goes with the content
  content_id uuid   NOT NULL,
  ai_task_id uuid   NOT NULL,
  product_id uuid   NOT NULL,                     -- what the item of the task delivered: a place for an image, or an image
  created_at bigint NOT NULL,
  CONSTRAINT content_work_pkey PRIMARY KEY (content_id, ai_task_id, product_id)
);
INSERT INTO content_work (content_id, ai_task_id, product_id, created_at)
  SELECT p.content_id, i.ai_task_id, i.id, i.created_at FROM content_image p JOIN image i ON i.id = p.image_id
  WHERE i.ai_task_id IS NOT NULL;
