-- What the items of the pipeline are about and became. Conventions as in ledger.sql.

ALTER TABLE ai_task ADD COLUMN stage text;                                     -- of the run that it belongs to
ALTER TABLE ai_task_item ADD COLUMN site_id uuid;                              -- whose content it is about
ALTER TABLE ai_task_item ADD COLUMN made integer;                              -- how many things it delivered; null: one
ALTER TABLE ai_task_item ADD COLUMN made_groups integer;                       -- clusters its keywords went into
ALTER TABLE ai_task_item ADD COLUMN products text;                             -- what it delivered: a JSON list of ids
ALTER TABLE ai_task_item ADD COLUMN terms text;                                -- its own quote, where each item has one
ALTER TABLE content_task ADD COLUMN title_key text NOT NULL DEFAULT '';        -- what searches look at
ALTER TABLE content_revision ADD COLUMN score_before integer;                  -- of an optimisation
ALTER TABLE content_revision ADD COLUMN score integer;
ALTER TABLE content_revision ADD COLUMN changes text;                          -- in the model's words: a JSON list
CREATE UNIQUE INDEX ai_task_run_id_stage_key ON ai_task (run_id, stage) WHERE run_id IS NOT NULL;
CREATE INDEX ai_task_item_site_id_idx ON ai_task_item (site_id, finished_at) WHERE site_id IS NOT NULL;
