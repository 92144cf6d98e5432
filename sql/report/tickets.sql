-- tickets.sql: reports of tickets.

-- A ticket without lines and without money is what a merge has left behind. Customer: the entity of the type
-- that setting customer_entity_type names, or else the one of the lowest id that is neither table nor room.
CREATE FUNCTION sambapos._report_tickets() RETURNS text
LANGUAGE plpgsql IMMUTABLE SET search_path = pg_catalog, pg_temp AS
$$
BEGIN
  RETURN $report$
SELECT s.site AS site, -- The site's name
       {columns of tickets as t},
       {day} AS business_day, -- The day the ticket belongs to, by the site's day_rule
       k.name AS ticket_type, -- Name of the ticket type
       d.name AS department, -- Name of the department
       coalesce(u.name, t.last_modified_user_name)
         AS cashier, -- Who took the first payment, or else changed the ticket last
       e.customer AS customer, -- Name of the customer
       e.table_name AS table_name, -- Name of the table
       e.room_name AS room_name, -- Name of the room
       s.data_source AS data_source, -- replica, partial (a first load is not through) or live
       s.as_of AS as_of -- When the oldest of the tables was read
FROM {tickets} AS t
JOIN {site} AS s ON s.site_id = t.site_id
{each ticket_entities e:
      (array_agg(e.entity_name ORDER BY e.entity_type_id = s.customer_type DESC NULLS LAST, e.id)
        FILTER (WHERE e.entity_type_id IS DISTINCT FROM s.table_type
                  AND e.entity_type_id IS DISTINCT FROM s.room_type))[1] AS customer,
      (array_agg(e.entity_name ORDER BY e.id) FILTER (WHERE e.entity_type_id = s.table_type))[1] AS table_name,
      (array_agg(e.entity_name ORDER BY e.id) FILTER (WHERE e.entity_type_id = s.room_type))[1] AS room_name} AS e
{each payments p: (array_agg(p.user_id ORDER BY p.id))[1] AS user_id} AS p
LEFT JOIN {any users} AS u ON (u.site_id, u.epoch, u.id) = (t.site_id, t.epoch, p.user_id)
LEFT JOIN {any ticket_types} AS k ON (k.site_id, k.epoch, k.id) = (t.site_id, t.epoch, t.ticket_type_id)
LEFT JOIN {any departments} AS d ON (d.site_id, d.epoch, d.id) = (t.site_id, t.epoch, t.department_id)
$report$;
END;
$$;
COMMENT ON FUNCTION sambapos._report_tickets() IS 'Definition of sambapos_report.tickets';
