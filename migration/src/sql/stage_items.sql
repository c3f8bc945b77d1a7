-- Which item of AI work carries an item of a run out. Conventions as in ledger.sql.

ALTER TABLE automation_item ADD COLUMN ai_task_item_id uuid;                   -- while it is in flight, and after
