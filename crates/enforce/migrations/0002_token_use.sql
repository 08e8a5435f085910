-- The hash of the certificate request that used a token: the same request, sent again, is answered again.
ALTER TABLE enroll_token ADD COLUMN used_for TEXT;
