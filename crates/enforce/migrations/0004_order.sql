-- What is ordered of all detection servers, of those too that are enrolled later: break-glass.
CREATE TABLE server_order (
    name TEXT PRIMARY KEY,
    why TEXT NOT NULL,
    ordered_by TEXT NOT NULL
);
