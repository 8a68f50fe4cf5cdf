// One operation by JSch: JschClient HOST PORT USER KEY OPERATION WORDS

import com.jcraft.jsch.ChannelExec;
import com.jcraft.jsch.ChannelSftp;
import com.jcraft.jsch.JSch;
import com.jcraft.jsch.Session;

public final class JschClient {
    private JschClient() {}

    public static void main(String[] given) throws Exception {
        JSch jsch = new JSch();
        jsch.addIdentity(given[3]);
        Session session = jsch.getSession(given[2], given[0], Integer.parseInt(given[1]));
        session.setConfig("StrictHostKeyChecking", "no");
        session.setConfig("PreferredAuthentications", "publickey");
        session.connect(60_000);
        try {
            String first = given[5];
            String second = given.length > 6 ? given[6] : "";
            if (given[4].equals("command")) command(session, first);
            else sftp(session, given[4], first, second);
        } finally {
            session.disconnect();
        }
    }

    private static void command(Session session, String text) throws Exception {
        ChannelExec channel = (ChannelExec) session.openChannel("exec");
        channel.setCommand(text);
        channel.setInputStream(System.in, true);
        java.io.InputStream output = channel.getInputStream();
        channel.connect(60_000);
        output.transferTo(System.out);
        System.out.flush();
        channel.disconnect();
    }

    private static void sftp(Session session, String operation, String first, String second)
            throws Exception {
        ChannelSftp sftp = (ChannelSftp) session.openChannel("sftp");
        sftp.connect(60_000);
        switch (operation) {
            case "put" -> sftp.put(first, second);
            case "get" -> sftp.get(first, second);
            case "list" -> {
                for (Object entry : sftp.ls(first))
                    System.out.println(((ChannelSftp.LsEntry) entry).getFilename());
            }
            case "rename" -> sftp.rename(first, second);
            case "remove" -> sftp.rm(first);
            case "make_folder" -> sftp.mkdir(first);
            case "remove_folder" -> sftp.rmdir(first);
            case "mode" -> sftp.chmod(0640, first);
            case "link" -> sftp.symlink(first, second);
            default -> throw new IllegalArgumentException(operation);
        }
        sftp.disconnect();
    }
}
