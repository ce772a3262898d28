<xsl:stylesheet version="1.0" xmlns:xsl="http://www.w3.org/1999/XSL/Transform">
  <xsl:output method="xml" omit-xml-declaration="yes"/>
  <xsl:template match="/order">
    <request number="{id}">
      <xsl:for-each select="line"><item code="{@no}"><xsl:value-of select="."/></item></xsl:for-each>
    </request>
  </xsl:template>
</xsl:stylesheet>
