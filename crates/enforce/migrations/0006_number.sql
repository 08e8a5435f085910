-- The number by which programs know a server; those that are there are numbered in the order in which they came.
ALTER TABLE server ADD COLUMN number BIGINT;
UPDATE server SET number = (SELECT count(*) FROM server AS other WHERE other.enrolled_at < server.enrolled_at
    OR (other.enrolled_at = server.enrolled_at AND other.name <= server.name));
