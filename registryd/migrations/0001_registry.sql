-- Blobs: bytes under the digest of their content, in rows of 1 MiB.
--
-- An upload writes its chunks under a blob_id of its own; they become visible when one transaction inserts the blob row and
-- deletes the upload row. Chunks are never moved or updated: each byte is written once, and replicated once.

CREATE TABLE registry.upload (
        blob_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        digest text NOT NULL,
        owner text NOT NULL,
        touched_at timestamptz NOT NULL DEFAULT now(),
        doomed boolean NOT NULL DEFAULT false -- given up: chunks are being deleted, nothing may be added or published
) WITH (fillfactor = 50); -- each chunk touches its row: leave room for updates in place

CREATE TABLE registry.blob (
        id bigint PRIMARY KEY, -- the upload's blob_id
        digest text NOT NULL UNIQUE,
        size bigint NOT NULL CHECK (size >= 0),
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL
);

CREATE TABLE registry.chunk (
        blob_id bigint NOT NULL,
        n integer NOT NULL CHECK (n >= 0), -- the chunk that begins at byte n * 1 MiB
        data bytea NOT NULL,
        PRIMARY KEY (blob_id, n)
) PARTITION BY HASH (blob_id);
-- Weights do not compress: store them as they are, out of line.
ALTER TABLE registry.chunk ALTER COLUMN data SET STORAGE EXTERNAL;

-- Each partition has a TOAST table of its own, so none comes near its limit of 2^32 values.
DO $$
BEGIN
        FOR i IN 0..15 LOOP
                EXECUTE format('CREATE TABLE registry.chunk_%s PARTITION OF registry.chunk'
                               ' FOR VALUES WITH (MODULUS 16, REMAINDER %s)', to_char(i, 'FM00'), i);
        END LOOP;
END
$$;

CREATE TABLE registry.model (
        id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
        name text COLLATE "C" NOT NULL UNIQUE,
        description text NOT NULL,
        last_number bigint NOT NULL DEFAULT 0, -- counted under the row's lock, so numbers have no gaps
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL
);

CREATE TABLE registry.version (
        model_id bigint NOT NULL REFERENCES registry.model,
        number bigint NOT NULL CHECK (number > 0),
        digest text NOT NULL,
        metadata json NOT NULL, -- json, not jsonb: kept as it was hashed
        description text NOT NULL,
        size bigint NOT NULL,
        n_files integer NOT NULL,
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL,
        PRIMARY KEY (model_id, number),
        UNIQUE (model_id, digest)
);

CREATE TABLE registry.version_file (
        model_id bigint NOT NULL,
        number bigint NOT NULL,
        path text COLLATE "C" NOT NULL,
        blob_id bigint NOT NULL REFERENCES registry.blob,
        PRIMARY KEY (model_id, number, path),
        FOREIGN KEY (model_id, number) REFERENCES registry.version
);
CREATE INDEX version_file_blob ON registry.version_file (blob_id);

CREATE TABLE registry.alias (
        model_id bigint NOT NULL REFERENCES registry.model,
        name text COLLATE "C" NOT NULL,
        number bigint NOT NULL,
        revision bigint NOT NULL, -- goes on counting when an alias is deleted and made again
        updated_at timestamptz NOT NULL DEFAULT now(),
        updated_by text NOT NULL,
        PRIMARY KEY (model_id, name),
        FOREIGN KEY (model_id, number) REFERENCES registry.version
);

CREATE TABLE registry.alias_event (
        model_id bigint NOT NULL REFERENCES registry.model,
        alias text COLLATE "C" NOT NULL,
        revision bigint NOT NULL,
        number bigint,   -- NULL: deleted
        previous bigint, -- NULL: it did not exist
        actor text NOT NULL,
        reason text NOT NULL,
        at timestamptz NOT NULL DEFAULT now(),
        PRIMARY KEY (model_id, alias, revision)
);

CREATE TABLE registry.token (
        name text COLLATE "C" PRIMARY KEY,
        role text NOT NULL CHECK (role IN ('reader', 'writer', 'deployer', 'admin')),
        sha256 text NOT NULL UNIQUE, -- of the token, in hex; the token itself is nowhere
        created_at timestamptz NOT NULL DEFAULT now(),
        created_by text NOT NULL
);
