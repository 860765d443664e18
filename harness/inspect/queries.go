package inspect

// userSchema is for catalog queries over pg_namespace n.
const userSchema = `n.nspname !~ '^pg_' and n.nspname <> 'information_schema'`

// Tables with rows of their own. Unlogged ones are not replicated and cannot be read on a standby.
const tablesQuery = `select n.nspname::text, c.relname::text
	from pg_class c join pg_namespace n on n.oid = c.relnamespace
	where c.relkind in ('r', 'm') and c.relpersistence = 'p' and ` + userSchema + ` order by 1, 2`

// A sequence that was never used has no last value.
const sequencesQuery = `select schemaname || '.' || sequencename, coalesce(last_value::text, 'unused') from pg_sequences`

// A role is its row with the verifier of its password, its memberships and its settings. The row is hashed before it is
// recorded: the verifier is salted and of a password that was drawn at random, so its hash gives nothing away.
const rolesQuery = `select a.rolname::text, row(a.*)::text
	|| coalesce((select string_agg(row(m.roleid, m.member, m.admin_option)::text, ',' order by m.roleid) from pg_auth_members m where m.member = a.oid), '')
	|| coalesce((select string_agg(row(s.*)::text, ',' order by s.setdatabase) from pg_db_role_setting s where s.setrole = a.oid), '')
	from pg_authid a`

// A line for every definition in a database. Numbers that vacuum and analyze keep (pages, tuples, frozen
// transactions) are no definitions and are left out.
const definitionsQuery = `
	select 'schema ' || n.nspname || ' ' || row(pg_get_userbyid(n.nspowner), n.nspacl)::text
	from pg_namespace n where ` + userSchema + `
	union all
	select 'relation ' || n.nspname || '.' || c.relname || ' ' || row(c.relkind, c.relpersistence, pg_get_userbyid(c.relowner), c.reloptions, c.relacl,
		c.relrowsecurity, c.relreplident, case when c.relkind in ('v', 'm') then pg_get_viewdef(c.oid) end,
		case when c.relispartition then pg_get_expr(c.relpartbound, c.oid) end)::text
	from pg_class c join pg_namespace n on n.oid = c.relnamespace where ` + userSchema + `
	union all
	select 'column ' || n.nspname || '.' || c.relname || '.' || a.attname || ' ' || row(a.attnum, format_type(a.atttypid, a.atttypmod), a.attnotnull,
		a.attidentity, a.attgenerated, a.attcollation, a.attacl, pg_get_expr(d.adbin, d.adrelid))::text
	from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
	left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
	where a.attnum > 0 and not a.attisdropped and ` + userSchema + `
	union all
	select 'index ' || pg_get_indexdef(i.indexrelid) || ' ' || row(i.indisvalid, i.indisready, i.indisunique, i.indisprimary)::text
	from pg_index i join pg_class c on c.oid = i.indrelid join pg_namespace n on n.oid = c.relnamespace where ` + userSchema + `
	union all
	select 'constraint ' || n.nspname || '.' || c.conname || ' ' || c.conrelid::regclass::text || ' ' || pg_get_constraintdef(c.oid) || ' ' || c.convalidated
	from pg_constraint c join pg_namespace n on n.oid = c.connamespace where ` + userSchema + `
	union all
	select 'function ' || pg_get_functiondef(p.oid) || ' ' || row(pg_get_userbyid(p.proowner), p.proacl)::text
	from pg_proc p join pg_namespace n on n.oid = p.pronamespace where p.prokind <> 'a' and ` + userSchema + `
	union all
	select 'trigger ' || pg_get_triggerdef(t.oid) || ' ' || t.tgenabled::text
	from pg_trigger t join pg_class c on c.oid = t.tgrelid join pg_namespace n on n.oid = c.relnamespace where not t.tgisinternal and ` + userSchema + `
	union all
	select 'policy ' || p::text from pg_policies p
	union all
	select 'type ' || n.nspname || '.' || t.typname || ' ' || row(t.typtype, format_type(t.typbasetype, t.typtypmod), t.typdefault,
		(select string_agg(e.enumlabel, ',' order by e.enumsortorder) from pg_enum e where e.enumtypid = t.oid))::text
	from pg_type t join pg_namespace n on n.oid = t.typnamespace where t.typtype in ('d', 'e', 'r') and ` + userSchema + `
	union all
	select 'sequence ' || s.schemaname || '.' || s.sequencename || ' ' || row(s.data_type, s.start_value, s.min_value, s.max_value, s.increment_by, s.cycle, s.cache_size)::text
	from pg_sequences s
	union all
	select 'extension ' || extname || ' ' || extversion from pg_extension
	union all
	select 'publication ' || row(p.*)::text from pg_publication p`
