<?php
// One operation by phpseclib: phpseclib_client.php HOST PORT USER KEY OPERATION WORDS
declare(strict_types=1);

require '/usr/share/php/phpseclib3/autoload.php';

use phpseclib3\Crypt\PublicKeyLoader;
use phpseclib3\Net\SFTP;

[, $host, $port, $user, $key, $operation] = $argv;
$words = array_slice($argv, 6);

function must($value)
{
    global $sftp;
    if ($value !== false) {
        return $value;
    }
    fwrite(STDERR, 'refused: ' . $sftp->getLastSFTPError() . "\n");
    exit(1);
}

$sftp = new SFTP($host, (int) $port);
must($sftp->login($user, PublicKeyLoader::load(file_get_contents($key))));
switch ($operation) {
    case 'command':
        // It gives a command no input but by its write and read of a shell.
        echo must($sftp->exec($words[0]));
        exit($sftp->getExitStatus() ?: 0);
    case 'put':
        must($sftp->put($words[1], $words[0], SFTP::SOURCE_LOCAL_FILE));
        break;
    case 'go_on_up':
        must($sftp->put($words[1], $words[0], SFTP::SOURCE_LOCAL_FILE | SFTP::RESUME_START));
        break;
    case 'get':
        must($sftp->get($words[0], $words[1]));
        break;
    case 'list':
        echo implode("\n", must($sftp->nlist($words[0]))), "\n";
        break;
    case 'rename':
        must($sftp->rename($words[0], $words[1]));
        break;
    case 'remove':
        must($sftp->delete($words[0], false));
        break;
    case 'make_folder':
        must($sftp->mkdir($words[0]));
        break;
    case 'remove_folder':
        must($sftp->rmdir($words[0]));
        break;
    case 'mode':
        must($sftp->chmod(0640, $words[0]));
        break;
    case 'link':
        must($sftp->symlink($words[0], $words[1]));
        break;
    default:
        fwrite(STDERR, "no operation $operation\n");
        exit(2);
}
