<?php
// Does this site's front end reach a database that takes writes, by the way that it takes itself? For a monitor.
// A standby answers every SELECT, so the front end alone looks healthy beside a database where nobody can log in.
$place = 'host=127.0.0.1 port=@PGPOOL_PORT@ dbname=zabbix user=zabbix password=@PASSWORD_ZABBIX@ connect_timeout=1';
$database = @pg_connect($place);
$found = $database ? @pg_query($database, 'SELECT NOT pg_is_in_recovery()') : false;
$writes = $found && pg_fetch_result($found, 0, 0) === 't';
http_response_code($writes ? 200 : 503);
header('Content-Type: text/plain');
echo $writes ? "writes\n" : "no database that takes writes\n";
