import eu.rekawek.toxiproxy.Proxy;
import eu.rekawek.toxiproxy.ToxiproxyClient;
import eu.rekawek.toxiproxy.model.Toxic;
import eu.rekawek.toxiproxy.model.ToxicDirection;
import eu.rekawek.toxiproxy.model.toxic.Latency;
import java.io.IOException;
import java.net.ConnectException;
import java.net.InetSocketAddress;
import java.net.Socket;
import java.net.URI;

/**
 * Drives a Toxiproxy server through toxiproxy-java and tells, line by line, what came back.
 *
 * <p>usage: Conformance API_URL UPSTREAM_ADDRESS (the upstream echoes). Two servers that are alike
 * give the same lines but for the ports that they chose.
 */
public final class Conformance {
  private static final int PATIENCE_MS = 3000;

  private interface Step<T> {
    T run() throws IOException;
  }

  private interface Adding {
    Toxic add(String name, ToxicDirection stream) throws IOException;
  }

  public static void main(String[] arguments) throws IOException {
    URI url = URI.create(arguments[0]);
    ToxiproxyClient server = new ToxiproxyClient(url.getHost(), url.getPort());
    tell("version", () -> server.version().contains("version"));
    Proxy db = proxies(server, arguments[1]);
    everyToxic(db);
    traffic(db);
    tell("reset", () -> done(server::reset));
    tell("list", () -> shown(server.getProxies().get(0)));
    tell("delete", () -> done(db::delete));
    tell("delete again", () -> done(db::delete));
  }

  private interface Act {
    void run() throws IOException;
  }

  private static String done(Act act) throws IOException {
    act.run();
    return "done";
  }

  private static <T> T tell(String step, Step<T> act) {
    try {
      T value = act.run();
      System.out.println(step + "\t" + (value instanceof Proxy proxy ? shown(proxy) : value));
      return value;
    } catch (IOException | RuntimeException error) {
      System.out.println(step + "\terror " + error);
      return null;
    }
  }

  private static String shown(Proxy proxy) {
    return String.join(" ", proxy.getName(), proxy.getListen(), proxy.getUpstream())
        + " " + proxy.isEnabled();
  }

  private static String shown(Toxic toxic) {
    return String.join(" ", toxic.getClass().getSimpleName(), toxic.getName(),
        String.valueOf(toxic.getStream()), String.valueOf(toxic.getToxicity()));
  }

  private static Proxy proxies(ToxiproxyClient server, String echo) {
    Proxy db = tell("create", () -> server.createProxy("db", "127.0.0.1:0", echo));
    tell("create again", () -> server.createProxy("db", "127.0.0.1:0", echo));
    tell("create nowhere", () -> server.createProxy("bad", "nonsense", echo));
    tell("create nothing", () -> server.createProxy("", "127.0.0.1:0", ""));
    tell("proxy", () -> server.getProxy("db"));
    tell("unknown proxy", () -> server.getProxy("nobody"));
    tell("no proxy", () -> server.getProxyOrNull("nobody"));
    tell("move", () -> done(() -> db.setListen("127.0.0.1:0")));
    tell("moved", () -> db);
    return db;
  }

  private static void everyToxic(Proxy db) {
    for (ToxicDirection stream : ToxicDirection.values()) {
      Adding[] all = {
        (name, way) -> db.toxics().latency(name, way, 5).setJitter(1),
        (name, way) -> db.toxics().bandwidth(name, way, 1000),
        (name, way) -> db.toxics().slowClose(name, way, 5),
        (name, way) -> db.toxics().timeout(name, way, 5),
        (name, way) -> db.toxics().resetPeer(name, way, 5),
        (name, way) -> db.toxics().slicer(name, way, 9, 1).setSizeVariation(2),
        (name, way) -> db.toxics().limitData(name, way, 5),
      };
      for (Adding adding : all) {
        Toxic toxic = tell("add", () -> adding.add("t", stream));
        tell("added", () -> shown(toxic));
        tell("add again", () -> adding.add("t", stream));
        tell("toxicity", () -> done(() -> toxic.setToxicity(0.25f)));
        tell("toxic", () -> shown(db.toxics().get("t")));
        tell("toxics", () -> db.toxics().getAll().size());
        tell("remove", () -> done(toxic::remove));
        tell("remove again", () -> done(toxic::remove));
      }
    }
    tell("unknown toxic", () -> db.toxics().get("nobody"));
    Latency slow = tell("add", () -> db.toxics().latency("slow", ToxicDirection.UPSTREAM, 1));
    tell("change", () -> slow.setLatency(9).getLatency());
    tell("changed", () -> db.toxics().get("slow", Latency.class).getLatency());
    tell("remove", () -> done(slow::remove));
  }

  private static void traffic(Proxy db) {
    exchange("free", db, 40_000, 0);
    for (ToxicDirection stream : ToxicDirection.values()) {
      under(db, 10, 60, () -> db.toxics().latency("t", stream, 60));
      under(db, 10_000, 80, () -> db.toxics().bandwidth("t", stream, 100));
      under(db, 10, 50, () -> db.toxics().timeout("t", stream, 50));
      under(db, 10, 30, () -> db.toxics().resetPeer("t", stream, 40));
      // Of bytes that reached the echo before its end was closed, some or none come back: a race.
      int limit = stream == ToxicDirection.UPSTREAM ? 0 : 10;
      under(db, 100, 0, () -> db.toxics().limitData("t", stream, limit));
      under(db, 1000, 0, () -> db.toxics().slicer("t", stream, 100, 1));
    }
    tell("disable", () -> done(db::disable));
    exchange("disabled", db, 10, 0);
    tell("enable", () -> done(db::enable));
    exchange("enabled", db, 10, 0);
  }

  private static void under(Proxy db, int size, int leastMs, Step<Toxic> adding) {
    Toxic toxic = tell("add", () -> adding.run());
    exchange(toxic.getClass().getSimpleName() + " " + toxic.getStream(), db, size, leastMs);
    tell("remove", () -> done(toxic::remove));
    exchange("healed", db, 1000, 0);
  }

  /** Sends through the proxy and tells what the echo gave back and whether that was too soon. */
  private static void exchange(String step, Proxy db, int size, int leastMs) {
    int got = 0;
    long started = System.nanoTime();
    try (Socket socket = new Socket()) {
      String[] listen = db.getListen().split(":");
      int port = Integer.parseInt(listen[1]);
      socket.connect(new InetSocketAddress(listen[0], port), PATIENCE_MS);
      socket.setSoTimeout(PATIENCE_MS);
      socket.getOutputStream().write(new byte[size]);
      byte[] buffer = new byte[65536];
      for (int read = 0; got < size && read >= 0; got += Math.max(read, 0)) {
        read = socket.getInputStream().read(buffer);
      }
    } catch (ConnectException refused) {
      System.out.println(step + "\trefused");
      return;
    } catch (IOException ended) {
      // An end is told by the bytes that came before it.
    }
    boolean inTime = (System.nanoTime() - started) / 1e6 >= leastMs;
    System.out.println(step + "\t" + got + " bytes back, not before its time " + inTime);
  }
}
