-- Finding what names a cluster: deleting one looks there, also to keep the foreign keys.
CREATE INDEX content_task_cluster_id_idx ON content_task (cluster_id) WHERE cluster_id IS NOT NULL;
CREATE INDEX content_cluster_id_idx ON content (cluster_id) WHERE cluster_id IS NOT NULL;

-- Counting a site's content in a period without reading the articles.
CREATE INDEX content_site_id_created_at_idx ON content (site_id, created_at, state, sector_id);
