-- Counting a site's rows by sector and state in the order of an index, and what its items were charged without a look at the
-- items. Neither the sector of content nor the site of an item ever changes. Conventions as in ledger.sql.

ALTER TABLE content_image ADD COLUMN sector_id uuid;                           -- that of the content
UPDATE content_image SET sector_id = (SELECT c.sector_id FROM content c WHERE c.id = content_image.content_id);
ALTER TABLE credit_usage ADD COLUMN site_id uuid;                              -- that of the item
UPDATE credit_usage SET site_id = (SELECT i.site_id FROM ai_task_item i WHERE i.id = credit_usage.item_id);

CREATE INDEX keyword_site_id_sector_id_idx ON keyword (site_id, sector_id, state, created_at);
CREATE INDEX cluster_site_id_sector_id_idx ON cluster (site_id, sector_id, state, created_at);
CREATE INDEX idea_site_id_sector_id_idx ON idea (site_id, sector_id, state, created_at);
CREATE INDEX content_task_site_id_sector_id_idx ON content_task (site_id, sector_id, state, created_at);
CREATE INDEX content_site_id_sector_id_state_idx ON content (site_id, sector_id, state, created_at);
CREATE INDEX content_image_site_id_sector_id_idx ON content_image (site_id, sector_id, state, created_at);
CREATE INDEX credit_usage_site_id_idx ON credit_usage (site_id, created_at, ai_function, credits, provider_cost_nanousd)
  WHERE site_id IS NOT NULL;
