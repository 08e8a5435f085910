-- Where a user is kept: here, or at another server, of which this one knows no secrets.
ALTER TABLE web_user ADD COLUMN home TEXT NOT NULL DEFAULT '';
-- Through which server's console a session is used: it is none of this console.
ALTER TABLE web_session ADD COLUMN through TEXT NOT NULL DEFAULT '';
-- What the session is called where its user is kept, and when that server last said that it goes on.
ALTER TABLE web_session ADD COLUMN elsewhere TEXT;
ALTER TABLE web_session ADD COLUMN confirmed_at BIGINT NOT NULL DEFAULT 0;
