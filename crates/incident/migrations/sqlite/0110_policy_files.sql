-- Policy files as they were when they were last noted: what is different in the directory was changed there.
CREATE TABLE policy_file (
    file TEXT PRIMARY KEY,
    text TEXT NOT NULL
);
