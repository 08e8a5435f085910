-- What backtests came to, for colleagues and after a restart; who reaches which incidents may see it stands beside it.
CREATE TABLE backtest (
    id TEXT PRIMARY KEY,
    began BIGINT NOT NULL,
    access TEXT NOT NULL,
    kept TEXT NOT NULL
);
CREATE INDEX backtest_by_age ON backtest (began);
