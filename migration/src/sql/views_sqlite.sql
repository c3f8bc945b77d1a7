-- The original system's tables as views, read-only, so that its five verification queries run word for word (pipeline.md, 5).

CREATE VIEW igny8_billing_aimodelconfig AS
SELECT m.id, m.name AS model_name, m.provider, lower(m.kind) AS model_type,
       p.input_nanousd_per_1k / 1000000000.0 AS cost_per_1k_input,
       p.output_nanousd_per_1k / 1000000000.0 AS cost_per_1k_output,
       p.tokens_per_credit,
       p.image_cost_nanousd / 1000000000.0 AS cost_per_image,
       p.credits_per_image, m.is_active,
       EXISTS (SELECT 1 FROM ai_model_default d WHERE d.ai_model_id = m.id) AS is_default
  FROM ai_model m
  JOIN price_version p ON p.ai_model_id = m.id
   AND p.number = (SELECT MAX(q.number) FROM price_version q WHERE q.ai_model_id = m.id);

CREATE VIEW igny8_ai_task_logs AS
SELECT t.id, t.account_id, lower(t.ai_function) AS function_name, t.phase, lower(t.status) AS status,
       t.provider_cost_nanousd / 1000000000.0 AS cost,
       t.credits_used, t.payload, t.result, t.error_code AS error, t.created_at, t.finished_at
  FROM ai_task t;

CREATE VIEW igny8_billing_creditusagelog AS
SELECT u.id, u.account_id, u.ai_task_id AS ai_task_log_id,
       CASE u.ai_function
         WHEN 'CLUSTER_KEYWORDS' THEN 'clustering' WHEN 'GENERATE_IDEAS' THEN 'idea_generation'
         WHEN 'GENERATE_CONTENT' THEN 'content_generation' WHEN 'GENERATE_IMAGE_PROMPTS' THEN 'image_prompt_extraction'
         WHEN 'GENERATE_IMAGES' THEN 'image_generation' WHEN 'OPTIMIZE_CONTENT' THEN 'content_optimization'
         WHEN 'UPSCALE_IMAGE' THEN 'image_upscale' WHEN 'GENERATE_TEXT' THEN 'text_generation' END AS operation_type,
       u.credits AS credits_used,
       u.credit_value_nanousd / 1000000000.0 AS cost_usd,
       u.provider_cost_nanousd / 1000000000.0 AS provider_cost_usd,
       u.credit_price_nanousd / 1000000000.0 AS credit_price_usd,
       u.model_name, u.tokens_input, u.tokens_output, u.created_at
  FROM credit_usage u;

CREATE VIEW igny8_notifications_notification AS
SELECT n.id, n.account_id, n.notification_type, n.message, n.metadata, n.subject_kind AS related_object_type,
       n.subject_id AS related_object_id, n.error,
       EXISTS (SELECT 1 FROM notification_read r WHERE r.notification_id = n.id) AS is_read, n.created_at
  FROM notification n;

CREATE VIEW igny8_billing_credittransaction AS
SELECT t.id, t.account_id, e.transaction_type,
       CASE u.ai_function
         WHEN 'CLUSTER_KEYWORDS' THEN 'clustering' WHEN 'GENERATE_IDEAS' THEN 'idea_generation'
         WHEN 'GENERATE_CONTENT' THEN 'content_generation' WHEN 'GENERATE_IMAGE_PROMPTS' THEN 'image_prompt_extraction'
         WHEN 'GENERATE_IMAGES' THEN 'image_generation' WHEN 'OPTIMIZE_CONTENT' THEN 'content_optimization'
         WHEN 'UPSCALE_IMAGE' THEN 'image_upscale' WHEN 'GENERATE_TEXT' THEN 'text_generation' END AS operation_type,
       e.amount, t.available_after AS balance_after, t.kind AS description,
       CASE WHEN u.ai_task_id IS NULL THEN NULL ELSE 'ai_task' END AS related_object_type,
       u.ai_task_id AS related_object_id, t.at AS created_at
  FROM (SELECT x.account_id, x.seq, x.transaction_type, CAST(SUM(x.amount) AS bigint) AS amount
          FROM (SELECT c.account_id, c.seq, c.amount,
                       CASE WHEN c.to_bucket = 'spent' THEN 'deduction'
                            WHEN c.to_bucket = 'expired' THEN 'expiry'
                            WHEN c.to_bucket = 'revoked' THEN 'revocation'
                            WHEN g.kind = 'purchase' THEN 'purchase'
                            WHEN g.kind = 'refund' THEN 'refund'
                            ELSE 'grant' END AS transaction_type
                  FROM credit_entry c JOIN credit_grant g ON g.id = c.grant_id
                 WHERE c.to_bucket IN ('spent', 'expired', 'revoked') OR c.from_bucket = 'issued') x
         GROUP BY x.account_id, x.seq, x.transaction_type) e
  JOIN credit_transaction t ON t.account_id = e.account_id AND t.seq = e.seq
  LEFT JOIN credit_usage u ON u.account_id = t.account_id AND u.credit_seq = t.seq;
