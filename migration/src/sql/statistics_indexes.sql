-- Counting a site's rows in a period from indexes alone: the rows are wide, and a console asks again and again. Conventions as
-- in ledger.sql.

CREATE INDEX keyword_site_id_created_at_idx ON keyword (site_id, created_at, state, sector_id);
CREATE INDEX cluster_site_id_created_at_idx ON cluster (site_id, created_at, sector_id);
CREATE INDEX idea_site_id_created_at_idx ON idea (site_id, created_at, state, sector_id);
CREATE INDEX content_task_site_id_created_at_idx ON content_task (site_id, created_at, state, sector_id);
CREATE INDEX content_image_site_id_created_at_idx ON content_image (site_id, created_at, state, content_id);
-- Images are in the sector of their content.
CREATE INDEX content_site_id_sector_id_idx ON content (site_id, id, sector_id);
CREATE INDEX content_published_at_sector_id_idx ON content (site_id, published_at, sector_id) WHERE published_at IS NOT NULL;

-- From a site's items to what they were charged, without a look at what other sites were, and to how their tasks ended.
CREATE INDEX credit_usage_item_id_idx ON credit_usage (item_id, created_at, ai_function, credits, provider_cost_nanousd);
CREATE INDEX ai_task_item_site_id_ai_task_id_idx ON ai_task_item (site_id, ai_task_id, id) WHERE site_id IS NOT NULL;
CREATE INDEX ai_task_ended_idx ON ai_task (id, finished_at, status) WHERE finished_at IS NOT NULL;
