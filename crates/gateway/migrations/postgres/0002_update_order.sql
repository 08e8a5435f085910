-- The first waiting update of each copy is looked for before each batch.
CREATE INDEX status_update_by_copy ON status_update (copy_id, seq);
