<?php
$DB['TYPE'] = 'POSTGRESQL';
$DB['SERVER'] = '127.0.0.1';       // the site's own Pgpool: the same at both
$DB['PORT'] = '@PGPOOL_PORT@';
$DB['DATABASE'] = 'zabbix';
$DB['USER'] = 'zabbix';
$DB['PASSWORD'] = '@PASSWORD_ZABBIX@';
$DB['SCHEMA'] = '';
$DB['ENCRYPTION'] = false;
$DB['KEY_FILE'] = '';
$DB['CERT_FILE'] = '';
$DB['CA_FILE'] = '';
$DB['VERIFY_HOST'] = false;
$DB['CIPHER_LIST'] = '';
$DB['VAULT_URL'] = '';
$DB['VAULT_DB_PATH'] = '';
$DB['VAULT_TOKEN'] = '';
$DB['DOUBLE_IEEE754'] = true;
// No $ZBX_SERVER: with high availability the front end finds the active server in the database.
$ZBX_SERVER_NAME = 'Lab, @SITE@';
$IMAGE_FORMAT_DEFAULT = IMAGE_FORMAT_PNG;
