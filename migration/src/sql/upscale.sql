-- One unfinished enlargement of an image at a time. Conventions as in ledger.sql.

ALTER TABLE ai_task_item ADD COLUMN original_id uuid;                          -- the image that it enlarges
CREATE UNIQUE INDEX ai_task_item_original_id_key ON ai_task_item (original_id) WHERE state = 'PENDING';
