"""The tables of the journal."""

__all__ = ["MIGRATIONS", "TABLES", "VERSION"]

# To change it, append a script that changes what the earlier ones made; never change those. Versions:
# 1: cameras, files, cursors, deliveries, verdicts
# 2: what streams skipped, what footage was played
MIGRATIONS = (
    """
    CREATE TABLE camera (
        -- A row per camera of the settings, past ones too.
        id INTEGER PRIMARY KEY,
        name TEXT NOT NULL UNIQUE,
        inbox TEXT,                 -- the directory whose files were met; NULL: none yet
        met_at REAL                 -- wall time of that
    );

    CREATE TABLE file (
        -- A row per version of a file of which something is known, as long as the file is there.
        id INTEGER PRIMARY KEY,
        camera INTEGER NOT NULL REFERENCES camera (id) ON DELETE CASCADE,
        path BLOB NOT NULL,         -- relative to the inbox, as the file system has it: not always UTF-8
        device INTEGER NOT NULL,    -- these four are its identity; the system's numbers are unsigned, here they are
        inode INTEGER NOT NULL,     --   the same 64 bits as signed numbers
        size INTEGER NOT NULL,      -- bytes
        mtime_ns INTEGER NOT NULL,  -- nanoseconds since the epoch
        before INTEGER NOT NULL DEFAULT 0,    -- 1: lay in the inbox when it was first met
        attempts INTEGER NOT NULL DEFAULT 0,  -- failed inspections
        attempted_at REAL,          -- wall time of the last of them
        reason TEXT,                -- of the last of them
        UNIQUE (camera, device, inode, size, mtime_ns)
    );

    CREATE TABLE cursor (
        -- A row per stream: its last segment, and the first group of pictures (GOP) of it that is not confirmed.
        stream TEXT PRIMARY KEY,    -- camera/destination
        recorded_at REAL NOT NULL,  -- when the segment's recording began; with natural_key the order of segments
        natural_key TEXT NOT NULL,  -- JSON
        path BLOB NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        gop INTEGER NOT NULL,       -- index
        complete INTEGER NOT NULL,  -- 1: the whole segment is confirmed
        saved_at REAL NOT NULL      -- wall time
    ) WITHOUT ROWID;

    CREATE TABLE delivered (
        -- A row per file and stream that has confirmed it wholly.
        stream TEXT NOT NULL,
        file INTEGER NOT NULL REFERENCES file (id) ON DELETE CASCADE,
        delivered_at REAL NOT NULL, -- wall time
        PRIMARY KEY (stream, file)
    ) WITHOUT ROWID;
    CREATE INDEX delivered_file ON delivered (file);

    CREATE TABLE verdict (
        -- A row per verdict that acted on a file. It is here before it is carried out.
        id INTEGER PRIMARY KEY,
        camera INTEGER NOT NULL REFERENCES camera (id) ON DELETE CASCADE,
        path BLOB NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        kind TEXT NOT NULL,         -- model.VerdictKind
        action TEXT NOT NULL,       -- model.Action
        reason TEXT NOT NULL,       -- in words
        recorded_at REAL,           -- when the segment's recording began
        first_at REAL NOT NULL,     -- wall times of the first and the last time it was decided: where it cannot be
        last_at REAL NOT NULL,      --   carried out it is decided again at each turn
        times INTEGER NOT NULL,
        UNIQUE (camera, device, inode, size, mtime_ns, kind, action)
    );
    CREATE INDEX verdict_age ON verdict (camera, last_at);
    """,
    """
    -- Where the recording of a cursor's segment ended, wall time; NULL: its name does not say when it began.
    ALTER TABLE cursor ADD COLUMN ends_at REAL;

    -- When the GOP of a cursor begins, microseconds after the first: another form of its file has other GOPs. NULL: the
    -- segment is complete, or an older version wrote the row.
    ALTER TABLE cursor ADD COLUMN time_us INTEGER;

    -- Why nothing of a file is played: all of it stood in other files; NULL: it is played.
    ALTER TABLE file ADD COLUMN repeats TEXT;

    CREATE TABLE skip (
        -- A row per passage of footage that a stream left out though it had begun with it, or could have.
        id INTEGER PRIMARY KEY,
        stream TEXT NOT NULL,
        path BLOB NOT NULL,
        from_gop INTEGER NOT NULL,  -- the first that is left out, and the first that is not
        to_gop INTEGER NOT NULL,
        seconds REAL NOT NULL,      -- of footage
        reason TEXT NOT NULL,       -- in words
        skipped_at REAL NOT NULL    -- wall time
    );
    CREATE INDEX skip_age ON skip (stream, skipped_at);

    CREATE TABLE footage (
        -- A row per file that a stream has played, so that the same one under another name is known again.
        stream TEXT NOT NULL,
        digest BLOB NOT NULL,
        path BLOB NOT NULL,
        device INTEGER NOT NULL,
        inode INTEGER NOT NULL,
        size INTEGER NOT NULL,
        mtime_ns INTEGER NOT NULL,
        starts_at REAL NOT NULL,    -- wall times of its recording
        ends_at REAL NOT NULL,
        named INTEGER NOT NULL,     -- 1: its name says so
        played_at REAL NOT NULL,    -- wall time
        PRIMARY KEY (stream, digest)
    ) WITHOUT ROWID;
    CREATE INDEX footage_age ON footage (stream, played_at);
    """,
)
VERSION = len(MIGRATIONS)  # kept in the file as SQLite's user_version
_FIRST = frozenset({"camera", "file", "cursor", "delivered", "verdict"})
TABLES = (frozenset[str](), _FIRST, _FIRST | {"skip", "footage"})  # by version: the tables that it has
