-- The number of the name that stands for a sender where it is not shown; none: still to be made, for SQL has no key.
ALTER TABLE incident ADD COLUMN pseudonym BIGINT;
CREATE INDEX incident_by_pseudonym ON incident (pseudonym, received_at, id) WHERE pseudonym IS NOT NULL;
CREATE INDEX incident_without_pseudonym ON incident (id) WHERE pseudonym IS NULL;
