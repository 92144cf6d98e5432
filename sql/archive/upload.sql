-- upload.sql: for whoever carries exported archives away: what waits, and that it has arrived.

CREATE VIEW sambapos.archive_pending_upload AS
SELECT e.export_id, e.archive_id, s.name AS site, e.path,
       ARRAY(SELECT x ->> 'file' FROM jsonb_array_elements(e.manifest -> 'tables') AS x)
         || 'manifest.json'::text AS files,
       e.bytes, e.checksum, e.exported_at
FROM sambapos.archive_export AS e LEFT JOIN sambapos.site AS s USING (site_id)
WHERE e.uploaded_at IS NULL;
COMMENT ON VIEW sambapos.archive_pending_upload IS
  'Exported archives that nobody has carried away yet, until sambapos_archive_uploaded says so: an export a row';
COMMENT ON COLUMN sambapos.archive_pending_upload.path IS 'The folder on this server';
COMMENT ON COLUMN sambapos.archive_pending_upload.files IS 'The files in it; the manifest last';
COMMENT ON COLUMN sambapos.archive_pending_upload.bytes IS 'Of all of them';
COMMENT ON COLUMN sambapos.archive_pending_upload.checksum IS
  'SHA-256 of manifest.json, which has that of every other file: what sambapos_archive_uploaded wants to be told';

CREATE FUNCTION @extschema@.sambapos_archive_uploaded(archive_id bigint, url text, checksum text) RETURNS void
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp AS
$$
DECLARE
  a sambapos.sealed_archive := sambapos._archive(archive_id);
  marked bigint;
BEGIN
  IF url IS NULL OR url = '' THEN
    RAISE EXCEPTION 'a URL is needed' USING ERRCODE = 'invalid_parameter_value',
      HINT = 'Say where the files are now.';
  END IF;
  UPDATE sambapos.archive_export AS e
     SET uploaded_at = clock_timestamp(), uploaded_by = current_user, url = sambapos_archive_uploaded.url
   WHERE e.archive_id = a.archive_id AND e.checksum = lower(sambapos_archive_uploaded.checksum COLLATE "C");
  GET DIAGNOSTICS marked = ROW_COUNT;
  IF marked = 0 THEN
    RAISE EXCEPTION 'archive % has no export with checksum "%"', a.archive_id, coalesce(checksum, 'NULL') USING
      ERRCODE = 'invalid_parameter_value',
      DETAIL = 'The checksum is the SHA-256 of manifest.json, asked of the copy.',
      HINT = 'See sambapos.archive_pending_upload. If the copy''s checksum is another one, carry the files again.';
  END IF;
END;
$$;
COMMENT ON FUNCTION @extschema@.sambapos_archive_uploaded(bigint, text, text) IS
  'Notes that an exported archive was carried away: where to, and the SHA-256 of the copy''s manifest.json, which must '
  'be that of the export. Errors: 42704 no such archive, 22023 no export with that checksum, or no URL';
