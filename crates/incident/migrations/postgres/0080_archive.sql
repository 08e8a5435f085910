-- When an incident came back from an archive: its age, as far as retention goes, begins anew.
ALTER TABLE incident ADD COLUMN restored_at BIGINT;
