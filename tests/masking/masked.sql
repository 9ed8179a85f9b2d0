-- Turns a copy into a database that holds what the masks of policies.yaml show: what programs see through the gateway
-- must be what they see in here directly. No constraint looks at what is masked any more.
ALTER TABLE newsletter DROP CONSTRAINT newsletter_email_fkey;
ALTER TABLE customers DROP CONSTRAINT customers_email_key, DROP CONSTRAINT customers_ssn_key, DROP CONSTRAINT customers_ssn_check,
    DROP CONSTRAINT customers_card_number_check, ALTER area DROP EXPRESSION, ALTER initial DROP EXPRESSION;
UPDATE customers SET
    email = '***@' || split_part(email, '@', -1), ssn = '***', card_number = '***' || right(card_number, 4),
    phone = '***' || right(phone, 2), born = date_trunc('year', born), salary = floor(salary / 10000) * 10000, pin = 0, points = 42,
    aliases = NULL, profile = NULL, home = NULL, photo = NULL, remark = '***', area = '***', initial = '***';
UPDATE newsletter SET email = '***@' || split_part(email, '@', -1);
UPDATE payments SET card_number = '***' || right(card_number, 4);
UPDATE contacts SET phone = '***' || right(phone, 2);
UPDATE people_known SET ssn = '***';
UPDATE documents SET ssn = '***';
VACUUM FULL ANALYZE;
